/* The load: N clients that do one thing again and again.
 *
 *     load MODE port=P [user=u%d] [password=P] [tls=1] [clients=N] [count=N | seconds=S] ...
 *
 * MODE   login [first=K users=0]        connect, USER, PASS, QUIT; with users=0 nobody twice, from number K on
 *        retr name=N size=S             a new data connection each; %c and %n in a name are client and number
 *        stor name=N size=S
 *        list name="MLSD dir"           any command that answers on a data connection
 *        command name="XSHA256 big"     any command without one
 *        noop pause=US                  one at a time, with a pause between
 *        idle                           log in, say "ready", wait for the end of standard input
 *        bare-retr, bare-stor size=S    the data connection alone, against bare.c
 *
 * Logging in is no part of the time, except where it is the work. The clients start together. One JSON object is
 * printed: operations, bytes, lines, seconds, cpu (of this program), first (seconds to the first byte of the
 * last operation) and the percentiles of what one operation took. */
#define _GNU_SOURCE
#include "ftp.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct client {
    pthread_t thread;
    int number;
    struct control control;
    uint64_t bytes, lines;
    double first;
    double *took;
    size_t operations, room;
};

static const char *mode = "", *user = "u%d", *password = "benchmark", *name = "";
static struct sockaddr_in peer;
static SSL_CTX *tls;
static int clients = 1, users = 16, first = 0;
static long count = 1L << 40, pause_us = 0;
static uint64_t size = 0;
static double seconds = 1e9, deadline, begun;
static pthread_barrier_t together;
static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;
static int logged_in;

static double cpu(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* The name with %c and %n filled in. */
static void expand(char *out, size_t room, const struct client *me) {
    size_t used = 0;
    for (const char *p = name; *p && used + 24 < room; p++) {
        if (p[0] == '%' && p[1] == 'c') used += (size_t)sprintf(out + used, "%d", me->number), p++;
        else if (p[0] == '%' && p[1] == 'n') used += (size_t)sprintf(out + used, "%zu", me->operations), p++;
        else out[used++] = *p;
    }
    out[used] = 0;
}

static void open_and_login(struct client *me, int private_data) {
    char text[256];
    int who = users ? me->number % users : first + me->number + clients * (int)me->operations;
    snprintf(text, sizeof text, user, who);
    /* One at a time where it is not the work: a short backlog drops the rest, and its greeting comes a minute later. */
    if (logged_in) pthread_mutex_lock(&door);
    control_open(&me->control, &peer, tls);
    if (logged_in) pthread_mutex_unlock(&door);
    control_login(&me->control, text, password, private_data);
}

static void do_login(struct client *me) {
    open_and_login(me, 0);
    control_quit(&me->control);
}

static void do_retr(struct client *me) {
    struct data d;
    char path[512];
    expand(path, sizeof path, me);
    data_open(&me->control, &d);
    say(&me->control, "RETR %s", path);
    data_secure(&me->control, &d);
    hear(&me->control, "1");
    uint64_t got = data_discard(&d);
    data_close(&d);
    hear(&me->control, "2");
    if (tls ? got < size || got > size + size / 8 + 4096 : got != size)
        die("RETR %s gave %llu bytes", path, (unsigned long long)got);
    me->bytes += size;
}

static void do_stor(struct client *me) {
    struct data d;
    char path[512];
    expand(path, sizeof path, me);
    data_open(&me->control, &d);
    say(&me->control, "STOR %s", path);
    data_secure(&me->control, &d);
    hear(&me->control, "1");
    data_write(&d, size);
    data_close(&d);
    hear(&me->control, "2");
    me->bytes += size;
}

static void do_list(struct client *me) {
    static __thread char block[65536];
    struct data d;
    ssize_t got;
    data_open(&me->control, &d);
    double said = now();
    say(&me->control, "%s", name);
    data_secure(&me->control, &d);
    hear(&me->control, "1");
    me->first = 0;
    me->lines = 0;
    while ((got = data_read(&d, block, sizeof block)) > 0) {
        if (!me->first) me->first = now() - said;
        me->bytes += (uint64_t)got;
        for (ssize_t i = 0; i < got; i++) me->lines += block[i] == '\n';
    }
    data_close(&d);
    hear(&me->control, "2");
}

static void do_command(struct client *me) {
    char text[512];
    expand(text, sizeof text, me);
    say(&me->control, "%s", text);
    hear(&me->control, "2");
}

static void do_noop(struct client *me) {
    say(&me->control, "NOOP");
    hear(&me->control, "2");
}

static void do_bare_retr(struct client *me) {
    struct data d = {.fd = dial(&peer)};
    if (tls) { /* the same handshake as a data connection, and nothing before it */
        struct control c = {.ssl = SSL_new(tls)};
        data_secure(&c, &d);
        SSL_free(c.ssl);
    }
    uint64_t got = data_discard(&d);
    data_close(&d);
    if (got < size) die("the bare server gave %llu bytes", (unsigned long long)got);
    me->bytes += size;
}

static void do_bare_stor(struct client *me) {
    struct data d = {.fd = dial(&peer)};
    char end;
    if (tls) {
        struct control c = {.ssl = SSL_new(tls)};
        data_secure(&c, &d);
        SSL_free(c.ssl);
    }
    data_write(&d, size);
    if (!d.ssl) { /* done is when the server has closed */
        shutdown(d.fd, SHUT_WR);
        while (recv(d.fd, &end, 1, 0) > 0) {}
    }
    data_close(&d);
    me->bytes += size;
}

static const struct {
    const char *name;
    void (*work)(struct client *);
    int logged_in;
} modes[] = {
    {"login", do_login, 0},     {"retr", do_retr, 1}, {"stor", do_stor, 1},           {"list", do_list, 1},
    {"command", do_command, 1}, {"noop", do_noop, 1}, {"bare-retr", do_bare_retr, 0}, {"bare-stor", do_bare_stor, 0},
};
static void (*work)(struct client *);

static void *live(void *argument) {
    struct client *me = argument;
    if (logged_in) open_and_login(me, 1);
    if (pthread_barrier_wait(&together) == PTHREAD_BARRIER_SERIAL_THREAD) {
        begun = now();
        deadline = begun + seconds;
    }
    pthread_barrier_wait(&together);
    while ((long)me->operations < count && now() < deadline) {
        double start = now();
        work(me);
        if (me->operations == me->room) {
            me->room = me->room ? 2 * me->room : 256;
            me->took = realloc(me->took, me->room * sizeof *me->took);
            if (!me->took) die("no memory");
        }
        me->took[me->operations++] = now() - start;
        if (pause_us) usleep((useconds_t)pause_us);
    }
    return NULL;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(struct client *all, double took, double own) {
    uint64_t bytes = 0;
    size_t operations = 0, n = 0;
    for (int i = 0; i < clients; i++) operations += all[i].operations, bytes += all[i].bytes;
    double *latency = malloc((operations + 1) * sizeof *latency);
    if (!latency || !operations) die("nothing was done");
    for (int i = 0; i < clients; i++)
        for (size_t k = 0; k < all[i].operations; k++) latency[n++] = all[i].took[k];
    qsort(latency, n, sizeof *latency, ascending);
    printf("{\"operations\": %zu, \"bytes\": %llu, \"lines\": %llu, \"seconds\": %.6f, \"cpu\": %.6f, \"first\": %.6f, "
           "\"p50\": %.6f, \"p99\": %.6f, \"max\": %.6f}\n",
           operations, (unsigned long long)bytes, (unsigned long long)all[0].lines, took, own, all[0].first,
           latency[n / 2], latency[(size_t)((double)(n - 1) * 0.99)], latency[n - 1]);
}

static void stay_idle(void) {
    struct control *c = malloc(sizeof *c); /* one buffer for all: what is kept is the connection */
    char text[256];
    for (int i = 0; c && i < clients; i++) {
        snprintf(text, sizeof text, user, i % users);
        control_open(c, &peer, tls);
        control_login(c, text, password, 1);
    }
    puts("ready");
    fflush(stdout);
    while (read(0, text, sizeof text) > 0) {}
}

static void option(const char *key, const char *value) {
    if (!strcmp(key, "port")) peer.sin_port = htons((uint16_t)atoi(value));
    else if (!strcmp(key, "user")) user = value;
    else if (!strcmp(key, "users")) users = atoi(value);
    else if (!strcmp(key, "first")) first = atoi(value);
    else if (!strcmp(key, "password")) password = value;
    else if (!strcmp(key, "tls")) tls = atoi(value) ? tls_client() : NULL;
    else if (!strcmp(key, "clients")) clients = atoi(value);
    else if (!strcmp(key, "count")) count = atol(value);
    else if (!strcmp(key, "seconds")) seconds = atof(value);
    else if (!strcmp(key, "size")) size = strtoull(value, NULL, 10);
    else if (!strcmp(key, "name")) name = value;
    else if (!strcmp(key, "pause")) pause_us = atol(value);
    else die("what is %s?", key);
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    peer = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (argc > 1) mode = argv[1];
    for (int i = 2; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (!equals) die("what is %s?", argv[i]);
        *equals = 0;
        option(argv[i], equals + 1);
    }
    if (!strcmp(mode, "idle")) {
        stay_idle();
        return 0;
    }
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (!strcmp(mode, modes[i].name)) work = modes[i].work, logged_in = modes[i].logged_in;
    if (!work) die("what is %s?", mode);

    struct client *all = calloc((size_t)clients, sizeof *all);
    if (!all) die("no memory");
    pthread_barrier_init(&together, NULL, (unsigned)clients + 1);
    for (int i = 0; i < clients; i++) {
        all[i].number = i;
        if (pthread_create(&all[i].thread, NULL, live, &all[i])) die("no thread");
    }
    if (pthread_barrier_wait(&together) == PTHREAD_BARRIER_SERIAL_THREAD) {
        begun = now();
        deadline = begun + seconds;
    }
    double before = cpu();
    pthread_barrier_wait(&together);
    for (int i = 0; i < clients; i++) pthread_join(all[i].thread, NULL);
    report(all, now() - begun, cpu() - before);
    return 0;
}
