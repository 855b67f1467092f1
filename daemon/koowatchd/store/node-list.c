#include "koowatchd/store/node-list.h"

#include <errno.h>

#include "common/texts.h"

#define PERIOD (15 * USEC_SEC)

struct row {
        STAILQ_ENTRY(row) link;
        struct store_node node; /* its texts are the row's */
        char texts[];
};

struct rows {
        STAILQ_HEAD(, row) list;
        size_t count;
};

struct node_list {
        struct store *store;
        struct rows told, before, next; /* next: while it is told */
        unsigned looks;                 /* that ended well, up to 2 */
        usec_t looked;
        bool is_known, is_asking, is_look, is_short;
        LIST_HEAD(waiters, node_list_waiter) waiters;
};

static void rows_clear(struct rows *rows) {
        struct row *row;

        while ((row = STAILQ_FIRST(&rows->list))) {
                STAILQ_REMOVE_HEAD(&rows->list, link);
                free(row);
        }
        rows->count = 0;
}

static void rows_move(struct rows *to, struct rows *from) {
        rows_clear(to);
        STAILQ_CONCAT(&to->list, &from->list);
        to->count = from->count;
        from->count = 0;
}

static int rows_add(struct rows *rows, const struct store_node *node) {
        struct store_node copy = *node;
        const char **const texts[] = {&copy.name, &copy.version, &copy.accounts, &copy.labels};
        const size_t size = texts_size(texts, ARRAY_LEN(texts));
        struct row *row = malloc(sizeof(*row) + size);

        if (!row)
                return -ENOMEM;
        texts_copy(row->texts, texts, ARRAY_LEN(texts));
        row->node = copy;
        STAILQ_INSERT_TAIL(&rows->list, row, link);
        rows->count++;
        return 0;
}

/* ---- asking ---- */

static void on_row(void *userdata, const struct store_node *node) {
        struct node_list *l = userdata;

        l->is_short |= rows_add(&l->next, node) < 0;
}

static void on_end(void *userdata, int error) {
        struct node_list *l = userdata;
        struct node_list_waiter *waiter;

        l->is_asking = false;
        if (error == 0 && l->is_short)
                error = -ENOMEM;
        if (error == 0 && l->is_look) {
                rows_move(&l->before, &l->told);
                l->looks = MIN(l->looks + 1, 2U);
        }
        if (error == 0) {
                rows_move(&l->told, &l->next);
                l->is_known = true;
        }
        rows_clear(&l->next);
        while ((waiter = LIST_FIRST(&l->waiters))) {
                LIST_REMOVE(waiter, link);
                waiter->on_told(waiter, error);
        }
}

static void ask(struct node_list *l, bool is_look) {
        l->is_asking = true;
        l->is_look = is_look;
        l->is_short = false;
        store_each_node(l->store, on_row, on_end, l);
}

void node_list_look(struct node_list *l, usec_t now) {
        if (!l || l->is_asking || (l->looks > 0 && now - l->looked < PERIOD))
                return;
        l->looked = now;
        ask(l, true);
}

void node_list_ask(struct node_list *l, struct node_list_waiter *waiter) {
        LIST_INSERT_HEAD(&l->waiters, waiter, link);
        if (!l->is_asking)
                ask(l, false);
}

void node_list_leave(struct node_list_waiter *waiter) {
        LIST_REMOVE(waiter, link);
}

/* ---- what was told ---- */

static bool has_word(const char *words, const char *word) {
        const size_t length = strlen(word);

        for (const char *at = words; *at;) {
                size_t n = strcspn(at, " ");

                if (n == length && memcmp(at, word, n) == 0)
                        return true;
                at += n + (at[n] ? 1 : 0);
        }
        return false;
}

static const struct store_node *find_owner(const struct rows *rows, const char *account) {
        const struct row *row;

        STAILQ_FOREACH(row, &rows->list, link)
        if (row->node.is_alive && has_word(row->node.accounts, account))
                return &row->node;
        return NULL;
}

bool node_list_is_known(const struct node_list *l) {
        return l && l->is_known;
}

size_t node_list_count(const struct node_list *l) {
        return l ? l->told.count : 0;
}

const struct store_node *node_list_get(const struct node_list *l, size_t i) {
        const struct row *row;

        STAILQ_FOREACH(row, &l->told.list, link)
        if (i-- == 0)
                return &row->node;
        return NULL;
}

const struct store_node *node_list_self(const struct node_list *l) {
        const struct row *row;

        if (!l)
                return NULL;
        STAILQ_FOREACH(row, &l->told.list, link)
        if (row->node.is_mine)
                return &row->node;
        return NULL;
}

const struct store_node *node_list_owner(const struct node_list *l, const char *account) {
        return l ? find_owner(&l->told, account) : NULL;
}

bool node_list_is_left(const struct node_list *l, const char *account) {
        return l && l->looks > 1 && !find_owner(&l->told, account) &&
               !find_owner(&l->before, account);
}

/* ---- the whole ---- */

int node_list_new(struct store *store, struct node_list **ret) {
        struct node_list *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        l->store = store;
        STAILQ_INIT(&l->told.list);
        STAILQ_INIT(&l->before.list);
        STAILQ_INIT(&l->next.list);
        LIST_INIT(&l->waiters);
        *ret = l;
        return 0;
}

void node_list_free(struct node_list *l) {
        if (!l)
                return;
        rows_clear(&l->told);
        rows_clear(&l->before);
        rows_clear(&l->next);
        free(l);
}
