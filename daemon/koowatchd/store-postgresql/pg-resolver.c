#include "koowatchd/store-postgresql/pg-resolver.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>

/* What thread and loop share: whoever lets go of it last frees it. */
struct lookup {
        atomic_uint owners;
        int done;                  /* an eventfd */
        char *names[PG_HOSTS_MAX]; /* NULL: it needs none */
        size_t n_names;
        struct pg_address addresses[PG_ADDRESSES_MAX];
        size_t n;
        char problem[192];
};

struct pg_resolver {
        struct ev_loop *loop;
        struct lookup *lookup;
        ev_io io;
        pg_resolved_fn on_resolved;
        void *userdata;
};

static void lookup_release(struct lookup *l) {
        if (atomic_fetch_sub(&l->owners, 1) > 1)
                return;
        for (size_t i = 0; i < l->n_names; i++)
                free(l->names[i]);
        closep(&l->done);
        free(l);
}

/* ---- in the thread ---- */

static void resolve(struct lookup *l, size_t host) {
        const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        struct addrinfo *found = NULL;
        int code = getaddrinfo(l->names[host], NULL, &hints, &found);

        if (code != 0) {
                (void) snprintf(l->problem, sizeof(l->problem), "host %.64s: %s", l->names[host],
                                code == EAI_SYSTEM ? strerror(errno) : gai_strerror(code));
                return;
        }
        for (struct addrinfo *a = found; a && l->n < PG_ADDRESSES_MAX; a = a->ai_next) {
                struct pg_address *to = &l->addresses[l->n];

                if (getnameinfo(a->ai_addr, a->ai_addrlen, to->text, sizeof(to->text), NULL, 0,
                                NI_NUMERICHOST) != 0)
                        continue;
                to->host = host;
                l->n++;
        }
        freeaddrinfo(found);
}

static void *run(void *userdata) {
        struct lookup *l = userdata;
        const uint64_t one = 1;

        for (size_t i = 0; i < l->n_names; i++)
                if (l->names[i])
                        resolve(l, i);
        (void) !write(l->done, &one, sizeof(one)); /* a counter from 0 to 1: it takes that */
        lookup_release(l);
        return NULL;
}

/* ---- in the loop ---- */

static void on_done(struct ev_loop *loop, ev_io *io, int revents) {
        struct pg_resolver *r = container_of(io, struct pg_resolver, io);
        uint64_t count;

        (void) revents;
        ev_io_stop(loop, io);
        (void) !read(r->lookup->done, &count, sizeof(count));
        r->on_resolved(r->userdata, r->lookup->addresses, r->lookup->n, r->lookup->problem);
}

/* Signals are for the loop's thread. */
static int start_thread(struct lookup *l) {
        pthread_attr_t attributes;
        sigset_t all, before;
        pthread_t thread;
        int r = pthread_attr_init(&attributes);

        if (r != 0)
                return -r;
        (void) pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
        (void) sigfillset(&all);
        (void) pthread_sigmask(SIG_SETMASK, &all, &before);
        atomic_fetch_add(&l->owners, 1);
        r = pthread_create(&thread, &attributes, run, l);
        if (r != 0)
                atomic_fetch_sub(&l->owners, 1);
        (void) pthread_sigmask(SIG_SETMASK, &before, NULL);
        (void) pthread_attr_destroy(&attributes);
        return -r;
}

static void releasep(struct lookup **l) {
        if (*l)
                lookup_release(*l);
}

static int lookup_new(const struct pg_conninfo *c, struct lookup **ret) {
        CLEANUP(releasep) struct lookup *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        atomic_init(&l->owners, 1);
        l->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (l->done < 0)
                return -errno;
        for (l->n_names = 0; l->n_names < c->n_hosts; l->n_names++) {
                const struct pg_host *host = &c->hosts[l->n_names];

                if (!host->needs_resolving)
                        continue;
                l->names[l->n_names] = strdup(host->name);
                if (!l->names[l->n_names])
                        return -ENOMEM;
        }
        *ret = STEAL_PTR(l);
        return 0;
}

int pg_resolver_start(struct ev_loop *loop, const struct pg_conninfo *conninfo,
                      pg_resolved_fn on_resolved, void *userdata, struct pg_resolver **ret) {
        CLEANUP(releasep) struct lookup *l = NULL;
        CLEANUP(freep) struct pg_resolver *r = calloc(1, sizeof(*r));
        int error;

        if (!r)
                return -ENOMEM;
        error = lookup_new(conninfo, &l);
        if (error == 0)
                error = start_thread(l);
        if (error < 0)
                return error;
        r->loop = loop;
        r->lookup = STEAL_PTR(l);
        r->on_resolved = on_resolved;
        r->userdata = userdata;
        ev_io_init(&r->io, on_done, r->lookup->done, EV_READ);
        ev_io_start(loop, &r->io);
        *ret = STEAL_PTR(r);
        return 0;
}

void pg_resolver_stop(struct pg_resolver *r) {
        if (!r)
                return;
        ev_io_stop(r->loop, &r->io);
        lookup_release(r->lookup);
        free(r);
}
