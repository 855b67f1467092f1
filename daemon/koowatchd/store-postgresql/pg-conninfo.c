#include "koowatchd/store-postgresql/pg-conninfo.h"

#include <arpa/inet.h>
#include <errno.h>

/* Where Debian and others keep them; libpq 15 would look below $HOME, and knows no "system". */
#define CERTIFICATES "/etc/ssl/certs/ca-certificates.crt"

static const char *value_of(const struct pg_conninfo *c, const char *keyword) {
        for (const PQconninfoOption *o = c->options; o && o->keyword; o++)
                if (streq(o->keyword, keyword))
                        return str_empty(o->val) ? NULL : o->val;
        return NULL;
}

static bool is_socket(const char *host) {
        return *host == '\0' || *host == '/' || *host == '@';
}

static bool is_numeric(const char *host) {
        unsigned char address[sizeof(struct in6_addr)];

        return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

/* What is sent there leaves this machine at no point. */
static bool is_local(const char *host) {
        struct in_addr v4;

        if (is_socket(host) || streq(host, "localhost") || streq(host, "::1"))
                return true;
        return inet_pton(AF_INET, host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

/* The nth of a list with commas, as the caller's; the last one where single is set and there is
 * but one. "" behind its end. */
static char *list_item(const char *list, size_t n, bool single) {
        const char *at = list ? list : "";

        if (single && !strchr(at, ','))
                n = 0;
        for (; n > 0 && at; n--) {
                at = strchr(at, ',');
                at = at ? at + 1 : NULL;
        }
        return at ? strndup(at, strcspn(at, ",")) : strdup("");
}

static size_t list_length(const char *list) {
        size_t n = 1;

        for (; list && (list = strchr(list, ',')); list++)
                n++;
        return n;
}

/* hostaddr= stands for the names where it is there. */
static int split_hosts(struct pg_conninfo *c, char **ret_problem) {
        const char *hosts = value_of(c, "host"), *addresses = value_of(c, "hostaddr");
        const size_t n = list_length(addresses ? addresses : hosts);

        if (n > PG_HOSTS_MAX) {
                *ret_problem = str_printf("more than %d hosts", PG_HOSTS_MAX);
                return -EINVAL;
        }
        for (size_t i = 0; i < n; i++) {
                struct pg_host *host = &c->hosts[c->n_hosts];

                host->name = list_item(addresses ? addresses : hosts, i, false);
                host->port = list_item(value_of(c, "port"), i, true);
                c->n_hosts++;
                if (!host->name || !host->port)
                        return -ENOMEM;
                host->needs_resolving = !is_socket(host->name) && !is_numeric(host->name);
        }
        return 0;
}

int pg_conninfo_parse(const char *text, struct pg_conninfo *ret, char **ret_problem) {
        char *why = NULL;

        *ret = (struct pg_conninfo){.options = PQconninfoParse(text, &why)};
        if (!ret->options) {
                size_t length = why ? strcspn(why, "\n") : 0;

                if (why)
                        *ret_problem = strndup(why, length);
                PQfreemem(why);
                return -EINVAL;
        }
        return split_hosts(ret, ret_problem);
}

void pg_conninfo_clear(struct pg_conninfo *c) {
        for (size_t i = 0; i < c->n_hosts; i++) {
                free(c->hosts[i].name);
                free(c->hosts[i].port);
        }
        PQconninfoFree(c->options);
        *c = (struct pg_conninfo){};
}

char *pg_conninfo_describe(const struct pg_conninfo *c) {
        const char *host = value_of(c, "host"), *port = value_of(c, "port");
        const char *database = value_of(c, "dbname");

        if (!host)
                host = value_of(c, "hostaddr");
        return str_join("postgresql://", host ? host : "", port ? ":" : "", port ? port : "", "/",
                        database ? database : "");
}

bool pg_conninfo_needs_resolving(const struct pg_conninfo *c) {
        for (size_t i = 0; i < c->n_hosts; i++)
                if (c->hosts[i].needs_resolving)
                        return true;
        return false;
}

/* ---- arguments ---- */

static void add(struct pg_parameters *p, const char *keyword, const char *value) {
        if (p->n + 1 >= ARRAY_LEN(p->keywords)) /* more than libpq knows */
                return;
        p->keywords[p->n] = keyword;
        p->values[p->n++] = value;
}

/* Unless the administrator has said otherwise. */
static void add_default(const struct pg_conninfo *c, struct pg_parameters *p, const char *keyword,
                        const char *value) {
        if (!value_of(c, keyword))
                add(p, keyword, value);
}

static void add_security(const struct pg_conninfo *c, struct pg_parameters *p) {
        const char *mode = value_of(c, "sslmode");

        for (size_t i = 0; !mode && i < c->n_hosts; i++)
                if (!is_local(c->hosts[i].name))
                        add(p, "sslmode", mode = "verify-full");
        if (mode && str_after(mode, "verify-"))
                add_default(c, p, "sslrootcert", CERTIFICATES);
        add_default(c, p, "gssencmode", "disable"); /* Kerberos asks its servers in the loop */
}

/* An entry each: a host as often as it has addresses, its name for its certificate. */
static int write_lists(const struct pg_conninfo *c, const struct pg_address *addresses, size_t n,
                       FILE *out[3]) {
        const char *names = value_of(c, "host");
        bool by_address = value_of(c, "hostaddr");
        const char *comma = "";
        unsigned count = 0;

        for (size_t i = 0; i < c->n_hosts; i++) {
                CLEANUP(freep) char *name = list_item(names, i, false);
                const struct pg_host *host = &c->hosts[i];

                if (!name)
                        return -ENOMEM;
                for (size_t k = 0; k < (host->needs_resolving ? n : 1); k++) {
                        const char *address = by_address ? host->name : "";

                        if (host->needs_resolving && addresses[k].host != i)
                                continue;
                        if (host->needs_resolving)
                                address = addresses[k].text;
                        (void) fprintf(out[0], "%s%s", comma, name);
                        (void) fprintf(out[1], "%s%s", comma, address);
                        (void) fprintf(out[2], "%s%s", comma, host->port);
                        comma = ",";
                        count++;
                }
        }
        return count > 0 ? 0 : -EINVAL;
}

static int make_lists(const struct pg_conninfo *c, const struct pg_address *addresses, size_t n,
                      struct pg_parameters *p) {
        FILE *out[3] = {};
        size_t sizes[3];
        int r = 0;

        for (size_t i = 0; i < ARRAY_LEN(out); i++) {
                out[i] = open_memstream(&p->lists[i], &sizes[i]);
                if (!out[i])
                        r = -ENOMEM;
        }
        if (r == 0)
                r = write_lists(c, addresses, n, out);
        for (size_t i = 0; i < ARRAY_LEN(out); i++)
                if (out[i] && fclose(out[i]) != 0)
                        r = -ENOMEM;
        return r;
}

int pg_conninfo_parameters(const struct pg_conninfo *c, const char *password,
                           const struct pg_address *addresses, size_t n_addresses,
                           struct pg_parameters *ret) {
        static const char *const own[] = {"host", "hostaddr", "port"};
        int r;

        *ret = (struct pg_parameters){};
        r = make_lists(c, addresses, n_addresses, ret);
        if (r < 0)
                return r;
        for (const PQconninfoOption *o = c->options; o->keyword; o++) {
                bool is_own = false;

                for (size_t i = 0; i < ARRAY_LEN(own); i++)
                        is_own |= streq(o->keyword, own[i]);
                if (!is_own && !str_empty(o->val))
                        add(ret, o->keyword, o->val);
        }
        for (size_t i = 0; i < ARRAY_LEN(own); i++)
                add(ret, own[i], ret->lists[i]);
        add_security(c, ret);
        add_default(c, ret, "application_name", "koowatchd");
        add_default(c, ret, "target_session_attrs", "read-write");
        add(ret, "client_encoding", "UTF8");
        add(ret, "passfile", "/dev/null/none"); /* not one that lies about below $HOME */
        if (password)
                add(ret, "password", password);
        return 0;
}

void pg_parameters_clear(struct pg_parameters *p) {
        for (size_t i = 0; i < ARRAY_LEN(p->lists); i++)
                free(p->lists[i]);
        *p = (struct pg_parameters){};
}
