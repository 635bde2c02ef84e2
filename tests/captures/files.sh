mkdir -p /tmp/saker-golden/a
echo secret > /tmp/saker-golden/a/data
cd /tmp/saker-golden
cat a/data a/missing
ln -s a/data link
ln a/data hard
chmod 4755 hard
mv hard moved
cat link
rm link moved
( cd a; ( cat data; true ); cat ../a/data )
rm -r /tmp/saker-golden
