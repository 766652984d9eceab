/* See ftp.h. */
#define _GNU_SOURCE
#include "ftp.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE = 60, CHUNK = 256 * 1024, DISCARD = 4 * 1024 * 1024 };

noreturn void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    _exit(1);
}

double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

SSL_CTX *tls_client(void) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION)) die("no TLS 1.3 here");
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    return context;
}

int dial(const struct sockaddr_in *peer) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0) die("socket: %s", strerror(errno));
    struct timeval patience = {.tv_sec = PATIENCE};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(fd, (const struct sockaddr *)peer, sizeof *peer))
        die("connect to port %d: %s", ntohs(peer->sin_port), strerror(errno));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static SSL *shake(int fd, SSL_CTX *context, SSL_SESSION *session) {
    SSL *ssl = SSL_new(context);
    if (!ssl || !SSL_set_fd(ssl, fd)) die("no memory for TLS");
    if (session) SSL_set_session(ssl, session);
    if (SSL_connect(ssl) != 1) die("the TLS handshake failed");
    return ssl;
}

static void control_send(struct control *c, const char *text, size_t size) {
    ssize_t sent = c->ssl ? SSL_write(c->ssl, text, (int)size) : send(c->fd, text, size, MSG_NOSIGNAL);
    if (sent != (ssize_t)size) die("the control connection broke at %.*s", (int)size, text);
}

void say(struct control *c, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text - 2, format, arguments);
    va_end(arguments);
    memcpy(text + size, "\r\n", 2);
    control_send(c, text, (size_t)size + 2);
}

/* The next line without its end, in c->line. */
static void next_line(struct control *c) {
    for (;;) {
        char *from = c->buffer + c->start, *end = memchr(from, '\n', c->end - c->start);
        if (end) {
            size_t size = (size_t)(end - from);
            c->start += size + 1;
            if (size && from[size - 1] == '\r') size--;
            if (size >= sizeof c->line) size = sizeof c->line - 1;
            memcpy(c->line, from, size);
            c->line[size] = 0;
            return;
        }
        memmove(c->buffer, from, c->end - c->start);
        c->end -= c->start;
        c->start = 0;
        size_t room = sizeof c->buffer - c->end;
        ssize_t got = c->ssl ? SSL_read(c->ssl, c->buffer + c->end, (int)room) : recv(c->fd, c->buffer + c->end, room, 0);
        if (got <= 0) die("no reply on the control connection: %s (last: %s)", got ? strerror(errno) : "closed", c->line);
        c->end += (size_t)got;
    }
}

int hear(struct control *c, const char *wanted) {
    next_line(c);
    char last[5] = {c->line[0], c->line[1], c->line[2], ' ', 0};
    if (c->line[3] == '-')
        do next_line(c);
        while (strncmp(c->line, last, 4));
    if (!strchr(wanted, c->line[0])) die("the server said: %s", c->line);
    return atoi(c->line);
}

void control_open(struct control *c, const struct sockaddr_in *peer, SSL_CTX *tls) {
    memset(c, 0, offsetof(struct control, buffer));
    c->line[0] = 0;
    c->peer = *peer;
    c->fd = dial(peer);
    hear(c, "2");
    if (tls) {
        say(c, "AUTH TLS");
        hear(c, "2");
        c->ssl = shake(c->fd, tls, NULL);
    }
}

void control_login(struct control *c, const char *user, const char *password, int private_data) {
    say(c, "USER %s", user);
    if (hear(c, "23") / 100 == 3) {
        say(c, "PASS %s", password);
        hear(c, "2");
    }
    if (!private_data) return;
    if (c->ssl) {
        say(c, "PBSZ 0");
        hear(c, "2");
        say(c, "PROT P");
        hear(c, "2");
    }
    say(c, "TYPE I");
    hear(c, "2");
}

void control_quit(struct control *c) {
    say(c, "QUIT");
    hear(c, "2");
    if (c->ssl) SSL_free(c->ssl);
    close(c->fd);
}

void data_open(struct control *c, struct data *d) {
    say(c, "EPSV");
    hear(c, "2");
    char *port = strstr(c->line, "|||");
    if (!port) die("no port in: %s", c->line);
    struct sockaddr_in peer = c->peer;
    peer.sin_port = htons((uint16_t)atoi(port + 3));
    d->fd = dial(&peer);
    d->ssl = NULL;
}

void data_secure(struct control *c, struct data *d) {
    if (!c->ssl) return;
    SSL_SESSION *session = SSL_get1_session(c->ssl);
    d->ssl = shake(d->fd, SSL_get_SSL_CTX(c->ssl), session);
    SSL_SESSION_free(session);
}

/* Under TLS the records are walked and not decrypted. Some servers close only after our close_notify, so theirs is to
 * be seen: in TLS 1.3 an alert is a record of 19 bytes, which no record of our files is. */
static uint64_t discard_records(struct data *d) {
    static __thread unsigned char block[CHUNK];
    unsigned char header[5];
    size_t known = 0, left = 0, record = 0; /* of the header; of this record's body; its length */
    uint64_t total = 0;
    for (;;) {
        ssize_t got = recv(d->fd, block, sizeof block, 0);
        if (got < 0) die("the data connection broke after %llu bytes: %s", (unsigned long long)total, strerror(errno));
        if (got == 0) return total;
        for (size_t at = 0, end = (size_t)got; at < end;) {
            if (left) {
                size_t part = left < end - at ? left : end - at;
                at += part;
                left -= part;
                total += part;
                if (!left && record == 19) return total;
            } else {
                header[known++] = block[at++];
                if (known < sizeof header) continue;
                known = 0;
                left = record = (size_t)header[3] << 8 | header[4];
            }
        }
    }
}

uint64_t data_discard(struct data *d) {
    uint64_t total = 0;
    if (d->ssl) return discard_records(d);
    for (;;) { /* MSG_TRUNC: the kernel drops the bytes and copies nothing */
        ssize_t got = recv(d->fd, NULL, DISCARD, MSG_TRUNC);
        if (got == 0) return total;
        if (got < 0) die("the data connection broke after %llu bytes: %s", (unsigned long long)total, strerror(errno));
        total += (uint64_t)got;
    }
}

ssize_t data_read(struct data *d, void *buffer, size_t size) {
    if (!d->ssl) return recv(d->fd, buffer, size, 0);
    int got = SSL_read(d->ssl, buffer, (int)size);
    return got > 0 ? got : SSL_get_error(d->ssl, got) == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

void data_write(struct data *d, uint64_t size) {
    static char block[CHUNK] = {1}; /* what is in it does not matter, but it is no hole */
    while (size) {
        size_t part = size < CHUNK ? (size_t)size : CHUNK;
        ssize_t sent = d->ssl ? SSL_write(d->ssl, block, (int)part) : send(d->fd, block, part, MSG_NOSIGNAL);
        if (sent <= 0) die("the data connection broke with %llu bytes to go: %s", (unsigned long long)size, strerror(errno));
        size -= (uint64_t)sent;
    }
}

void data_close(struct data *d) {
    if (d->ssl) {
        /* Tickets of the server may lie unread in our socket: closing it now would send a reset. */
        SSL_shutdown(d->ssl);
        shutdown(d->fd, SHUT_WR);
        while (recv(d->fd, NULL, DISCARD, MSG_TRUNC) > 0) {}
        SSL_free(d->ssl);
    }
    close(d->fd);
}
