/* The registry against its model, with moves that the input chooses. */
#include "fuzz/fuzz.h"
#include "unit/core/registry-model.h"

#define STEPS_MAX 40
#define BYTES_A_STEP 12 /* about */

/* Nothing here must outlive the machine. */
int fsync(int fd) {
        (void) fd;
        return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
        (void) argc;
        (void) argv;
        return setenv("CMOCKA_TEST_ABORT", "1", 1); /* a failure is a finding */
}

static unsigned roll(void *userdata, unsigned n) {
        return take(userdata, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct bytes b = {data, size};
        const struct registry_dice dice = {roll, &b};

        registry_model_play(&dice, (unsigned) MIN(size / BYTES_A_STEP + 1, (size_t) STEPS_MAX));
        return 0;
}
