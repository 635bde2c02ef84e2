#include "actor.h"

static struct sockaddr_in address(const char *ip, const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

	if (inet_pton(AF_INET, ip, &address.sin_addr) != 1)
		exit(2);
	return address;
}

static int listening(const char *ip, const char *port)
{
	struct sockaddr_in at = address(ip, port);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 4))
		exit(1);
	return listener;
}

/* An address and a port. */
int listen_at(char **arguments)
{
	return listening(arguments[0], arguments[1]) < 0;
}

/* A port, a program and its arguments: runs it while the kernel takes connections to the port. */
int serve(char **arguments)
{
	return listening("0.0.0.0", arguments[0]) < 0 || spawn(arguments + 1);
}

static int connected(int type, char **arguments)
{
	struct sockaddr_in to = address(arguments[0], arguments[1]);
	int client = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	if (connect(client, (struct sockaddr *)&to, sizeof(to)))
		exit(1);
	return client;
}

/* tcp or udp, an address and a port. */
int connect_to(char **arguments)
{
	return connected(strcmp(arguments[0], "udp") ? SOCK_STREAM : SOCK_DGRAM, arguments + 1) < 0;
}

/* An address and a port: a datagram to it, of a socket that is not connected; bound to an address if one follows. */
int send_datagram(char **arguments)
{
	struct sockaddr_in to = address(arguments[0], arguments[1]);
	int sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (arguments[2]) {
		struct sockaddr_in from = address(arguments[2], "0");

		if (bind(sender, (struct sockaddr *)&from, sizeof(from)))
			return 1;
	}
	return sendto(sender, "text", 4, 0, (struct sockaddr *)&to, sizeof(to)) != 4;
}

/*
 * Two addresses and a port: takes a datagram with a socket that is bound to the first, sent to the second by a socket
 * that is bound to none.
 */
int receive_datagram(char **arguments)
{
	struct sockaddr_in at = address(arguments[0], arguments[2]), to = address(arguments[1], arguments[2]), from;
	int receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(from);
	char buffer[8];

	if (bind(receiver, (struct sockaddr *)&at, sizeof(at)) ||
	    sendto(sender, "text", 4, 0, (struct sockaddr *)&to, sizeof(to)) != 4)
		return 1;
	return recvfrom(receiver, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &length) != 4;
}

/* An address and a port: makes the connection its standard input and output; with one more argument two others. */
int duplicate(char **arguments)
{
	int client = connected(SOCK_STREAM, arguments), first = arguments[2] ? 10 : 0;

	return dup2(client, first) < 0 || dup2(client, first + 1) < 0;
}

int open_packet(char **arguments)
{
	(void)arguments;
	return socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)) < 0;
}

/* Receives the head of a Java class from itself. */
int give_class(char **arguments)
{
	static const unsigned char head[] = { 0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 61 };
	char port[8], buffer[sizeof(head)];
	char *to[] = { "127.0.0.1", port, NULL };
	struct sockaddr_in at;
	socklen_t length = sizeof(at);
	int listener = listening("127.0.0.1", "0"), client, server;
	/* With an argument the same bytes the other way round, which is no class. */
	unsigned char bytes[sizeof(head)];

	for (size_t i = 0; i < sizeof(head); i++)
		bytes[i] = head[arguments[0] ? sizeof(head) - 1 - i : i];
	if (getsockname(listener, (struct sockaddr *)&at, &length))
		return 1;
	snprintf(port, sizeof(port), "%d", ntohs(at.sin_port));
	client = connected(SOCK_STREAM, to);
	server = accept(listener, NULL, NULL);
	if (send(server, bytes, sizeof(bytes), 0) != sizeof(bytes))
		return 1;
	return recv(client, buffer, sizeof(buffer), MSG_WAITALL) != sizeof(buffer);
}
