sh -c 'sh -c "true; /bin/echo deep; true"; true'
( ( ( /bin/true; true ) ) )
sh -c 'exec sh -c "exec /bin/echo became"'
/bin/echo a | cat | sort
i=0
while [ $i -lt 10 ]; do i=$((i + 1)); /bin/true $i & done
wait
perl -e 'fork; fork; exec "/bin/true", "four"'
/nonexistent
