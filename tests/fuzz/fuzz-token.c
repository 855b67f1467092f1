/*
 * Tokens: out of a credential's file, of KooDrive's answer to a refresh, and of the file that
 * keeps what was obtained; what is sent is one line of printable ASCII
 */
#include <errno.h>
#include <ev.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/log.h"
#include "fuzz/http-input.h"
#include "koowatchd/account/credential.h"
#include "koowatchd/account/token-refresh.h"
#include "koowatchd/account/token-store.h"
#include "koowatchd/koodrive/session.h"
#include "koowatchd/loop/dirwatch.h"

#define TOKEN "s3cr3t-0123456789"
#define REFRESH_TOKEN "refresh-0123456789"
#define NOW (1747708152 * USEC_SEC)

static char directory[64], path[80];
static struct credential *credential;
static json_tokener *tokener;

/* Nothing here must outlive the machine. */
int fsync(int fd) {
        (void) fd;
        return 0;
}

static void on_changed(void *userdata) {
        (void) userdata;
}

static void remove_files(void) {
        (void) unlink(path);
        (void) rmdir(directory);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
        struct dirwatch *watch;

        (void) argc;
        (void) argv;
        log_set_level(LEVEL_ERROR);
        (void) snprintf(directory, sizeof(directory), "%s/koowatch-fuzz-%d",
                        access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int) getpid());
        (void) snprintf(path, sizeof(path), "%s/a.json", directory);
        REQUIRE(mkdir(directory, 0700) == 0);
        REQUIRE(atexit(remove_files) == 0);
        REQUIRE(dirwatch_new(ev_default_loop(EVFLAG_NOENV), &watch) == 0);
        REQUIRE(credential_new(watch, CREDENTIAL_TOKEN, "a", on_changed, NULL, &credential) == 0);
        REQUIRE(credential_follow(credential, path) == 0);
        tokener = koodrive_tokener_new();
        return 0;
}

static void write_file(const void *data, size_t size) {
        CLEANUP(fclosep) FILE *f = fopen(path, "we");

        REQUIRE(f && fwrite(data, 1, size, f) == size);
}

static void require_sendable(const char *text) {
        size_t length = strlen(text);

        REQUIRE(length > 0 && length <= 256 * 1024 && str_is_printable(text));
        REQUIRE(*text != ' ' && text[length - 1] != ' ');
}

static void read_credential(const uint8_t *data, size_t size) {
        write_file(data, size);
        credential_forget(credential);
        (void) credential_look(credential, USEC_HOUR, NOW + USEC_DAY * 36500);
        REQUIRE(credential_read(credential, USEC_HOUR, NOW) <= 0);
        REQUIRE(!credential_text(credential) == (*credential_problem(credential) != '\0'));
        if (credential_text(credential))
                require_sendable(credential_text(credential));
        else if (size >= 16) /* in words: not with what might be the token */
                REQUIRE(!memmem(credential_problem(credential),
                                strlen(credential_problem(credential)), data, size));
}

static bool is_same(const struct stored_secret *a, const struct stored_secret *b) {
        return !a->text == !b->text && (!a->text || streq(a->text, b->text)) &&
               streq(a->source, b->source);
}

static void read_store(const uint8_t *data, size_t size) {
        struct stored_tokens tokens, again;

        write_file(data, size);
        if (token_store_load(directory, "a", &tokens) < 0) {
                REQUIRE(!tokens.token.text && !tokens.refresh.text);
                return;
        }
        if (tokens.token.text)
                require_sendable(tokens.token.text);
        REQUIRE(token_store_save(directory, "a", &tokens) == 0);
        REQUIRE(token_store_load(directory, "a", &again) == 0);
        REQUIRE(is_same(&tokens.token, &again.token) && is_same(&tokens.refresh, &again.refresh));
        stored_tokens_clear(&tokens);
        stored_tokens_clear(&again);
}

/* The refresh goes on with what came, and asks for another one at a time that can be. */
static void use_session(const struct koodrive_session *s) {
        struct token_refresh refresh = {};

        REQUIRE(token_refresh_set_secret(&refresh, REFRESH_TOKEN) == 1);
        REQUIRE(token_refresh_sent(&refresh, TOKEN, REFRESH_CARRIER) == 0);
        if (s->token) {
                REQUIRE(token_refresh_succeeded(&refresh, s->refresh_token, REFRESH_CARRIER) ==
                        (s->refresh_token != NULL));
                REQUIRE(token_refresh_wants_token(&refresh, TOKEN, REFRESH_CARRIER));
                token_refresh_token_replaced(&refresh, USEC_HOUR, s->lifetime);
                REQUIRE(streq(refresh.secret, s->refresh_token ? s->refresh_token : REFRESH_TOKEN));
                REQUIRE(token_refresh_early_at(&refresh, USEC_HOUR) > USEC_HOUR);
        } else {
                REQUIRE(token_refresh_failed(&refresh, USEC_HOUR, &s->answer, REFRESH_CARRIER) !=
                        TOKEN_REFRESH_OUTDATED);
        }
        token_refresh_clear(&refresh);
}

static void read_session(const uint8_t *data, size_t size) {
        static const struct koodrive_identity who = {.endpoint = "https://drive.example.com",
                                                     .authorization = "Bearer " TOKEN};
        struct koodrive_session s;
        struct http_input in;

        http_input_read(data, size, &in);
        koodrive_session_read(&in.answer, &who, REFRESH_TOKEN, tokener, NOW, &s);
        REQUIRE(!s.token == (s.answer.disposition.class != KOODRIVE_TASK));
        REQUIRE(!s.token || http_answer_is_ok(&in.answer));
        REQUIRE(!s.refresh_token || s.token);
        if (s.token)
                require_sendable(s.token);
        if (s.refresh_token)
                require_sendable(s.refresh_token);
        REQUIRE(s.lifetime == -1 || (s.lifetime >= USEC_SEC && s.lifetime <= 30 * USEC_DAY));
        REQUIRE(!strstr(s.answer.why, TOKEN) && !strstr(s.answer.why, REFRESH_TOKEN));
        REQUIRE(!strstr(s.answer.message, TOKEN) && !strstr(s.answer.message, REFRESH_TOKEN));
        use_session(&s);
        koodrive_session_clear(&s);
        http_input_clear(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (size > 0 && *data == '{')
                read_store(data, size);
        else if (size > 0 && *data >= '0' && *data <= '9')
                read_session(data, size);
        else
                read_credential(data, size);
        return 0;
}
