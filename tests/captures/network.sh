perl -e 'use Socket; socket(my $s, PF_INET, SOCK_STREAM, 0); connect($s, sockaddr_in(9, INADDR_LOOPBACK))'
perl -e 'use Socket; socket(my $l, PF_INET, SOCK_STREAM, 0); bind($l, sockaddr_in(0, INADDR_LOOPBACK)); listen($l, 1);
  my ($p) = sockaddr_in(getsockname $l); socket(my $c, PF_INET, SOCK_STREAM, 0);
  connect($c, sockaddr_in($p, INADDR_LOOPBACK)) or die; accept(my $a, $l) or die;
  if (!fork) { use POSIX (); POSIX::dup2(fileno $c, 0); exec "/bin/true" } wait'
perl -e 'use Socket; socket(my $s, PF_UNIX, SOCK_STREAM, 0); connect($s, sockaddr_un("/nonexistent/socket"))'
setpriv --reuid=1 --regid=1 --clear-groups sh -c 'id -u; id -g'
