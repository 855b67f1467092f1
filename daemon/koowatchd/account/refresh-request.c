#include "koowatchd/account/refresh-request.h"

#include <errno.h>
#include <json-c/json.h>

#include "common/config.h"
#include "common/random.h"
#include "koowatchd/account/account.h"
#include "koowatchd/account/post.h"
#include "koowatchd/koodrive/answer.h"
#include "koowatchd/koodrive/body.h"
#include "koowatchd/koodrive/request.h"
#include "koowatchd/loop/http.h"

struct refresh {
        refresh_done_fn on_done;
        void *userdata;
        struct http_transfer *transfer;
        char *authorization, *secret; /* as sent: an answer must not bring them into a log */
};

static void on_refresh_answer(void *userdata, const struct http_answer *http) {
        struct refresh *r = userdata;
        const struct koodrive_identity who = {.authorization = r->authorization};
        json_tokener *tokener = koodrive_tokener_new();
        struct koodrive_session session;

        r->transfer = NULL;
        koodrive_session_read(http, &who, r->secret, tokener, clock_wall(), &session);
        if (tokener)
                json_tokener_free(tokener);
        r->on_done(r->userdata, &session);
        koodrive_session_clear(&session);
}

static int refresh_post(struct http *http, const struct account *account, struct refresh *r) {
        const struct account_config *settings = account_settings(account);
        const struct koodrive_identity who = account_identity(account);
        unsigned char trace_seed[KOODRIVE_TRACE_SEED_LENGTH];
        struct koodrive_request request;
        int error;

        random_bytes(trace_seed, sizeof(trace_seed));
        error = koodrive_request_refresh(&who, settings->refresh, r->secret, trace_seed, &request);
        if (error < 0)
                return error;
        error = account_post(http, settings, &request, on_refresh_answer, r, &r->transfer);
        koodrive_request_clear(&request);
        return error;
}

int refresh_start(struct http *http, const struct account *account, refresh_done_fn on_done,
                  void *userdata, struct refresh **ret) {
        CLEANUP(refresh_freep) struct refresh *r = calloc(1, sizeof(*r));
        int error;

        if (!r)
                return -ENOMEM;
        r->on_done = on_done;
        r->userdata = userdata;
        r->authorization = strdup(account_identity(account).authorization);
        r->secret = strdup(account_refresh_secret(account));
        if (!r->authorization || !r->secret)
                return -ENOMEM;
        error = refresh_post(http, account, r);
        if (error < 0)
                return error;
        *ret = STEAL_PTR(r);
        return 0;
}

void refresh_free(struct refresh *r) {
        if (!r)
                return;
        http_cancel(r->transfer);
        secret_free(r->authorization);
        secret_free(r->secret);
        free(r);
}
