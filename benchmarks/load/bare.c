/* What this machine can do at most: a loop that does the work of a data connection and nothing else.
 *
 *     bare send FILE [CERT KEY]      every connection gets FILE by sendfile (TLS: SSL_write from a mapping), and is closed
 *     bare receive FOLDER [CERT KEY] what every connection sends goes into a new file there by recv and write
 *
 * One thread, one epoll, no commands, no checks. Prints its port. Ends with its standard input. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, RECORDS = 256 * 1024 };

struct connection {
    int fd, file;
    SSL *ssl;
    off_t sent;
};

static SSL_CTX *tls;
static int sending, source, folder;
static off_t length;
static char *mapping;
static char buffer[BLOCK];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

/* 1: more may come later; 0: done; called until the socket says "not now". */
static int go_on(SSL *ssl, int got) {
    if (!ssl) return got < 0 && errno == EAGAIN;
    int why = SSL_get_error(ssl, got);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

static int drive(struct connection *c) {
    for (;;) {
        ssize_t got;
        if (sending) {
            if (c->sent == length) return 0;
            off_t left = length - c->sent;
            if (!c->ssl) got = sendfile(c->fd, source, &c->sent, (size_t)left);
            else if ((got = SSL_write(c->ssl, mapping + c->sent, (int)(left < RECORDS ? left : RECORDS))) > 0) c->sent += got;
        } else {
            got = c->ssl ? SSL_read(c->ssl, buffer, BLOCK) : recv(c->fd, buffer, BLOCK, 0);
            if (got > 0 && write(c->file, buffer, (size_t)got) != got) fail("write");
        }
        if (got <= 0) return go_on(c->ssl, (int)got);
    }
}

static void welcome(int queue, int fd) {
    static int number;
    char name[32];
    struct connection *c = calloc(1, sizeof *c);
    if (!c) fail("calloc");
    c->fd = fd;
    c->file = -1;
    if (tls) {
        c->ssl = SSL_new(tls);
        SSL_set_fd(c->ssl, fd);
        SSL_set_accept_state(c->ssl);
    }
    if (!sending) {
        snprintf(name, sizeof name, "bare%d", number++);
        c->file = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL, 0644);
        if (c->file < 0) fail(name);
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    epoll_ctl(queue, EPOLL_CTL_ADD, fd, &event);
}

static void farewell(struct connection *c) {
    if (c->ssl) {
        SSL_shutdown(c->ssl);
        SSL_free(c->ssl);
    }
    if (c->file >= 0) close(c->file);
    close(c->fd);
    free(c);
}

static void prepare(int argc, char **argv) {
    if (argc != 3 && argc != 5) fail("bare send FILE | receive FOLDER [CERT KEY]");
    signal(SIGPIPE, SIG_IGN);
    sending = !strcmp(argv[1], "send");
    if (sending) {
        struct stat found;
        if ((source = open(argv[2], O_RDONLY)) < 0 || fstat(source, &found)) fail(argv[2]);
        length = found.st_size;
        if (argc == 5) mapping = mmap(NULL, (size_t)length, PROT_READ, MAP_SHARED, source, 0);
    } else if ((folder = open(argv[2], O_RDONLY | O_DIRECTORY)) < 0) fail(argv[2]);
    if (argc == 5) {
        tls = SSL_CTX_new(TLS_server_method());
        SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_options(tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
        if (SSL_CTX_use_certificate_chain_file(tls, argv[3]) != 1 || SSL_CTX_use_PrivateKey_file(tls, argv[4], SSL_FILETYPE_PEM) != 1)
            fail("certificate");
    }
}

int main(int argc, char **argv) {
    prepare(argc, argv);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), queue = epoll_create1(0);
    if (bind(listening, (struct sockaddr *)&address, size) || listen(listening, 1024)) fail("listen");
    getsockname(listening, (struct sockaddr *)&address, &size);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    struct epoll_event events[64], event = {.events = EPOLLIN, .data.ptr = &listening};
    epoll_ctl(queue, EPOLL_CTL_ADD, listening, &event);
    event.data.ptr = NULL;
    epoll_ctl(queue, EPOLL_CTL_ADD, 0, &event);
    for (;;) {
        int ready = epoll_wait(queue, events, 64, -1);
        for (int i = 0; i < ready; i++) {
            void *who = events[i].data.ptr;
            int fd;
            if (!who) return 0;
            if (who != &listening) {
                if (!drive(who)) farewell(who);
                continue;
            }
            while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) welcome(queue, fd);
        }
    }
}
