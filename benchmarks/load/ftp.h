/* One FTP client connection, as cheap as a client can be: blocking sockets, one thread a client, no copies of what
 * is only counted. Every failure ends the whole program with a line on standard error: a load that lost a transfer
 * has measured nothing. */
#ifndef FTP_H
#define FTP_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdnoreturn.h>

struct control {
    int fd;
    SSL *ssl;                 /* NULL: plain */
    struct sockaddr_in peer;
    size_t start, end;        /* what is read and not yet used of buffer */
    char buffer[16384];
    char line[1024];          /* the last line of the last reply */
};

struct data {
    int fd;
    SSL *ssl;
};

noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
double now(void);             /* seconds of the monotonic clock */

SSL_CTX *tls_client(void);
int dial(const struct sockaddr_in *peer);

/* A greeted and, with a context, encrypted connection; then its login, and its end. */
void control_open(struct control *c, const struct sockaddr_in *peer, SSL_CTX *tls);
void control_login(struct control *c, const char *user, const char *password, int private_data);
void control_quit(struct control *c);

/* Send one command. Read one whole reply: its code; die unless its first digit is one of `wanted`. */
void say(struct control *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
int hear(struct control *c, const char *wanted);

/* EPSV and the connection; after the transfer command was said, data_secure() shakes hands under TLS. */
void data_open(struct control *c, struct data *d);
void data_secure(struct control *c, struct data *d);
/* Read and forget everything; under TLS that is counted as it comes from the wire. Returns the bytes. */
uint64_t data_discard(struct data *d);
ssize_t data_read(struct data *d, void *buffer, size_t size);
void data_write(struct data *d, uint64_t size);
void data_close(struct data *d);

#endif
