#include "koowatchd/task/watch-notes.h"

#include "common/util.h"

struct sample {
        uint32_t at; /* wall clock, in s */
        int8_t progress;
};

struct watch_notes {
        const struct watch *watch;
        char *failure;
        struct sample *samples;
        unsigned count, allocated;
};

static uint64_t watch_hash(const struct watch *watch) {
        return hash_number((uintptr_t) watch, HASH_START);
}

static uint64_t notes_hash(const void *notes) {
        return watch_hash(((const struct watch_notes *) notes)->watch);
}

static bool is_of_watch(const void *notes, const void *watch) {
        return ((const struct watch_notes *) notes)->watch == watch;
}

void watch_notebook_init(struct watch_notebook *book) {
        index_init(&book->notes, notes_hash);
}

void watch_notebook_clear(struct watch_notebook *book) {
        index_clear(&book->notes);
}

static struct watch_notes *notes_find(const struct watch_notebook *book,
                                      const struct watch *watch) {
        return index_find(&book->notes, watch_hash(watch), is_of_watch, watch);
}

/* Makes them where there are none. NULL when memory is short. */
static struct watch_notes *notes_of(struct watch_notebook *book, const struct watch *watch) {
        struct watch_notes *notes = notes_find(book, watch);

        if (notes)
                return notes;
        notes = calloc(1, sizeof(*notes));
        if (!notes)
                return NULL;
        notes->watch = watch;
        if (index_add(&book->notes, notes) < 0) {
                free(notes);
                return NULL;
        }
        return notes;
}

/* Every other one goes; the first stays. */
static void thin_out(struct watch_notes *notes) {
        unsigned kept = 0;

        for (unsigned i = 0; i < notes->count; i += 2)
                notes->samples[kept++] = notes->samples[i];
        notes->count = kept;
}

static bool make_room(struct watch_notes *notes) {
        unsigned wanted = notes->allocated ? notes->allocated * 2 : 4;
        struct sample *longer;

        if (notes->count == WATCH_SAMPLES_MAX)
                thin_out(notes);
        if (notes->count < notes->allocated)
                return true;
        wanted = MIN(wanted, (unsigned) WATCH_SAMPLES_MAX);
        longer = reallocarray(notes->samples, wanted, sizeof(*longer));
        if (!longer)
                return false;
        notes->samples = longer;
        notes->allocated = wanted;
        return true;
}

bool watch_notes_have_samples(const struct watch_notebook *book, const struct watch *watch) {
        const struct watch_notes *notes = notes_find(book, watch);

        return notes && notes->count > 0;
}

void watch_notes_add_sample(struct watch_notebook *book, const struct watch *watch, usec_t wall,
                            int progress) {
        struct watch_notes *notes = notes_of(book, watch);

        if (notes && make_room(notes))
                notes->samples[notes->count++] =
                        (struct sample){(uint32_t) (wall / USEC_SEC), (int8_t) progress};
}

void watch_notes_set_failure(struct watch_notebook *book, const struct watch *watch,
                             const char *why) {
        struct watch_notes *notes = why ? notes_of(book, watch) : notes_find(book, watch);

        if (notes && (!why || !notes->failure || !streq(why, notes->failure)))
                (void) str_replace(&notes->failure, why);
}

void watch_notes_drop(struct watch_notebook *book, const struct watch *watch) {
        struct watch_notes *notes = notes_find(book, watch);

        if (!notes)
                return;
        index_remove(&book->notes, notes);
        free(notes->failure);
        free(notes->samples);
        free(notes);
}

const char *watch_notes_failure(const struct watch_notebook *book, const struct watch *watch) {
        const struct watch_notes *notes = notes_find(book, watch);

        return notes ? notes->failure : NULL;
}

char *watch_notes_samples(const struct watch_notebook *book, const struct watch *watch) {
        const struct watch_notes *notes = notes_find(book, watch);
        CLEANUP(freep) char *text = NULL;
        size_t length;
        FILE *f;

        if (!notes || notes->count == 0)
                return NULL;
        f = open_memstream(&text, &length);
        if (!f)
                return NULL;
        for (unsigned i = 0; i < notes->count; i++)
                (void) fprintf(f, "%c[%u,%d]", i == 0 ? '[' : ',', notes->samples[i].at,
                               notes->samples[i].progress);
        (void) fputc(']', f);
        return fclose(f) == 0 ? STEAL_PTR(text) : NULL;
}
