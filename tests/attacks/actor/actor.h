/* What attacks do and no ordinary program does. One program; its first argument says what it does, its name is
 * what rules look at. 0 on success, 1 when the kernel refused, 2 for an unknown action. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/userfaultfd.h>
#include <net/ethernet.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs a program with its arguments; whether it went wrong. */
int spawn(char **arguments);

/* Actions: their arguments, without the name, and a NULL. */
int attach(char **arguments);
int become(char **arguments);
int connect_to(char **arguments);
int create(char **arguments);
int duplicate(char **arguments);
int exec_memory(char **arguments);
int give_class(char **arguments);
int listen_at(char **arguments);
int load_bpf(char **arguments);
int load_module(char **arguments);
int nothing(char **arguments);
int open_packet(char **arguments);
int peek(char **arguments);
int read_file(char **arguments);
int read_late(char **arguments);
int read_relative(char **arguments);
int receive_datagram(char **arguments);
int send_datagram(char **arguments);
int serve(char **arguments);
int set_namespace(char **arguments);
int set_user(char **arguments);
int trace_me(char **arguments);
int truncate_file(char **arguments);
int unshare_mounts(char **arguments);
int user_faults(char **arguments);
