#include "koowatchd/koodrive/class.h"

#include <limits.h>
#include <strings.h>

#include "common/util.h"

/* A long silence of the account, where asking sooner cannot help or makes it worse. */
#define QUOTA_PAUSE (10 * USEC_MINUTE)
#define LOCKOUT_PAUSE (6 * USEC_MINUTE) /* the gateway locks for five */

/* Members of struct koodrive_disposition that go together; what follows the advice is optional. */
#define MEANS(name, what, remedy, ...) \
        { .class = KOODRIVE_##name, .text = (what), .advice = (remedy), ##__VA_ARGS__ }
#define A_FEW_TRIES .tries = 5, .span = 10 * USEC_MINUTE

#define NEW_TOKEN "log in again and replace the token (TokenFile=)"
#define NEW_TOKENS "log in again and replace both tokens (TokenFile=, RefreshTokenFile=)"
#define CHECK_APP "check AppId= and the app's secret"
#define CHECK_ENDPOINT "check scheme, host and path prefix in Endpoint="
#define CHECK_CREDENTIAL "check the token (TokenFile=), or AppId= and the app's secret"
#define ALLOW_ADDRESS "have the address of this machine allowed, or use Proxy="
#define RESTORE "restore it, then register the task again"
#define IN_FRONT "check Endpoint=, Proxy= and whatever else is in front of KooDrive"
#define ASK_SUPPORT "if it persists, contact KooDrive support"

#define OWN_FAULT "KooDrive reported an internal error"
#define GATEWAY_FAULT "the gateway reported an internal error"
#define TOO_MANY "too many requests"
#define LOWER_RATE "if it happens often, lower RateLimit="

/* KooDrive's own. */
static const struct {
        const char *code;
        struct koodrive_disposition disposition;
} service_codes[] = {
        {"13000101",
         MEANS(REJECTED, "KooDrive refused the request as invalid",
               "check TaskId= and ShareId= of the task, UserId= and AgentName= of the account",
               .may_be_account = KOODRIVE_MAYBE_SETTINGS)},
        {"13000102",
         MEANS(REJECTED, "KooDrive refused a parameter of the request",
               "check TaskId= and ShareId= of the task, UserId= and AgentName= of the account",
               .may_be_account = KOODRIVE_MAYBE_SETTINGS)},
        {"13000201", MEANS(TRANSIENT, OWN_FAULT, ASK_SUPPORT)},
        {"13000301", MEANS(RETRY_LIMITED, "the space is missing or in a bad state",
                           "check the space in KooDrive", A_FEW_TRIES)},
        {"13000302", MEANS(REJECTED, "the file is not in that space",
                           "find out which space it is in, then create a new task")},
        {"13000303", MEANS(REJECTED, "the file is not in the recycle bin",
                           "find out where it is, then create a new task")},
        {"13000304",
         MEANS(RETRY_LIMITED, "the target directory is in a bad state", ASK_SUPPORT, A_FEW_TRIES)},
        {"13000305", MEANS(REJECTED, "the target directory is in the recycle bin", RESTORE)},
        {"13000306", MEANS(REJECTED, "the file is in the recycle bin", RESTORE)},
        {"13000307",
         MEANS(RETRY_LIMITED, "directories contain each other", ASK_SUPPORT, A_FEW_TRIES)},
        {"13000308",
         MEANS(RETRY_LIMITED, "the file's metadata is invalid", ASK_SUPPORT, A_FEW_TRIES)},
        /* May pass: a task that was created just now need not be known everywhere. */
        {"13000309",
         MEANS(RETRY_LIMITED, "the task, the share or its file was not found",
               "check TaskId= and ShareId= of the task, and that the share still exists",
               .tries = 3, .span = USEC_MINUTE)},
        {"13000310", MEANS(REJECTED, "directories are nested too deeply",
                           "remove a level of directories, then create a new task")},
        {"13000311", MEANS(REJECTED, "there is not enough space left",
                           "extend the space, then create a new task")},
        {"13000312", MEANS(REJECTED, "the file is already in the target directory", NULL)},
        {"13000401", MEANS(REJECTED, "the upload was not found", "upload it again")},
        {"13000402", MEANS(REJECTED, "the file failed its integrity check", "upload it again")},
        {"13000403",
         MEANS(RETRY_LIMITED, "the file's status could not be changed", ASK_SUPPORT, A_FEW_TRIES)},
        {"13000404", MEANS(REJECTED, "the parent directory is in the recycle bin", RESTORE)},
        {"13000405", MEANS(REJECTED, "a file with that name already exists",
                           "rename one of them, then create a new task")},
        {"13000406", MEANS(REJECTED, "this operation is not possible for a directory",
                           "choose files, then create a new task")},
        {"13000407",
         MEANS(RETRY_LIMITED, "the download address does not exist", ASK_SUPPORT, A_FEW_TRIES)},
        {"13000408",
         MEANS(RETRY_LIMITED, "the download of the file failed", ASK_SUPPORT, A_FEW_TRIES)},
        {"13000409", MEANS(REJECTED, "the upload of the file failed", "upload it again")},
        {"13000410",
         MEANS(REJECTED, "the user has no permission for this space",
               "give the user of the account (UserId=) permission, then register the task again",
               .may_be_account = KOODRIVE_MAYBE_SETTINGS)},
        {"13000411", MEANS(REJECTED, "the file is not in this space",
                           "find out which space it is in, then create a new task")},
        {"13000412",
         MEANS(REJECTED, "the space is not active", "activate it, then register the task again")},
        {"13000413", MEANS(REJECTED, "this type of search is not supported", ASK_SUPPORT)},
        {"13000414", MEANS(REJECTED, "the type of search is missing", ASK_SUPPORT)},
};

/*
 * The gateway's, by the four digits, which sort as text as they do as numbers. A row without
 * a text leaves the meaning to the HTTP status.
 */
static const struct {
        const char *first, *last;
        struct koodrive_disposition disposition;
} gateway_codes[] = {
        {"0101", "0101",
         MEANS(MISCONFIGURED, "the gateway does not know this address", CHECK_ENDPOINT)},
        {"0103", "0105", MEANS(UNREACHABLE, "the gateway is misconfigured", ASK_SUPPORT)},
        {"0106", "0106",
         MEANS(MISCONFIGURED, "the gateway cannot forward this request",
               "check Endpoint=, and whether Proxy= modifies requests")},
        {"0107", "0107", MEANS(UNREACHABLE, "the gateway is misconfigured", ASK_SUPPORT)},
        {"0201", "0201", {}},
        {"0202", "0202", MEANS(UNREACHABLE, "the gateway cannot reach KooDrive", ASK_SUPPORT)},
        {"0203", "0203",
         MEANS(UNREACHABLE, "KooDrive did not answer the gateway in time", ASK_SUPPORT)},
        {"0204", "0204",
         MEANS(MISCONFIGURED, "the gateway does not accept this version of TLS",
               "check Endpoint=, and Proxy= if it terminates TLS")},
        {"0205", "0205",
         MEANS(MISCONFIGURED, "the gateway refused the client certificate",
               "koowatchd has none: set Endpoint= to an address that requires none")},
        {"0301", "0301", MEANS(UNAUTHORIZED, "the IAM credential was refused", NEW_TOKEN)},
        {"0302", "0302",
         MEANS(UNAUTHORIZED, "the user may not use the API",
               "authorize the user of the account (UserId=) for it")},
        {"0303", "0303",
         MEANS(UNAUTHORIZED, "the app's signature was refused",
               "check AppId=, the app's secret, SignedHeaders= and this machine's clock")},
        {"0304", "0304",
         MEANS(UNAUTHORIZED, "the app may not use the API", "authorize the app of AppId= for it")},
        {"0305", "0305", MEANS(UNAUTHORIZED, "the credential was refused", CHECK_CREDENTIAL)},
        {"0306", "0306",
         MEANS(UNAUTHORIZED, "access to the API was refused",
               "authorize the user or app of the account for it (UserId=, AppId=)")},
        {"0307", "0307", MEANS(UNAUTHORIZED, "the token must be renewed", NEW_TOKEN)},
        {"0308", "0308", MEANS(THROTTLED, TOO_MANY, LOWER_RATE)},
        {"0310", "0310",
         MEANS(UNAUTHORIZED, "the project of the account is not available",
               "check the project in Huawei Cloud, and the user of TokenFile=")},
        {"0311", "0311",
         MEANS(UNAUTHORIZED, "the credential for debugging was refused", CHECK_CREDENTIAL)},
        {"0312", "0313",
         MEANS(UNAUTHORIZED, "the credential was refused by a third party", CHECK_CREDENTIAL)},
        {"0314", "0314",
         MEANS(UNAUTHORIZED, "locked out after too many failed authentications", CHECK_CREDENTIAL,
               .pause = LOCKOUT_PAUSE)},
        {"0401", "0401",
         MEANS(MISCONFIGURED, "the gateway cannot determine the address of this machine",
               ALLOW_ADDRESS)},
        {"0402", "0402",
         MEANS(MISCONFIGURED, "the address of this machine is not allowed", ALLOW_ADDRESS)},
        {"0404", "0404",
         MEANS(MISCONFIGURED, "the gateway may not access its backend", CHECK_ENDPOINT)},
        {"0405", "0405",
         MEANS(MISCONFIGURED, "the app is not allowed from the address of this machine",
               ALLOW_ADDRESS)},
        {"0501", "0501",
         MEANS(THROTTLED, "the app's quota is used up",
               "have the quota raised, or lower RateLimit=", .pause = QUOTA_PAUSE)},
        {"0502", "0502",
         MEANS(THROTTLED, "the app is frozen", "check the balance of the Huawei Cloud account",
               .pause = QUOTA_PAUSE)},
        {"0601", "0601", MEANS(UNREACHABLE, GATEWAY_FAULT, ASK_SUPPORT)},
        {"0602", "0602",
         MEANS(MISCONFIGURED, "the gateway refused the request as invalid",
               "check Endpoint=, and whether Proxy= modifies requests")},
        {"0605", "0605",
         MEANS(UNREACHABLE, "the gateway cannot resolve the name of its backend", ASK_SUPPORT)},
        {"0606", "0606", MEANS(UNREACHABLE, GATEWAY_FAULT, ASK_SUPPORT)},
        {"0607", "0607",
         MEANS(MISCONFIGURED, "the gateway refuses this protocol",
               "check http:// or https:// in Endpoint=")},
        {"0608", "0609", MEANS(UNREACHABLE, GATEWAY_FAULT, ASK_SUPPORT)},
        {"0610", "0610", MEANS(UNREACHABLE, "the backend of the gateway is down", ASK_SUPPORT)},
        {"0611", "0612", MEANS(UNREACHABLE, GATEWAY_FAULT, ASK_SUPPORT)},
        {"0613", "0613",
         MEANS(UNREACHABLE, "the gateway cannot check credentials now", ASK_SUPPORT)},
        {"0615", "0617",
         MEANS(UNREACHABLE, "the gateway cannot reach its authentication service", ASK_SUPPORT)},
        {"0705", "0705", MEANS(UNREACHABLE, GATEWAY_FAULT, ASK_SUPPORT)},
        {"0802", "0802",
         MEANS(UNAUTHORIZED, "the user is disabled in this region",
               "enable the user of the account, or set another region in Endpoint=")},
        {"1001", "1001", MEANS(UNAUTHORIZED, "the refresh token has expired", NEW_TOKENS)},
        {"1002", "1002", MEANS(UNAUTHORIZED, "the token has expired", NEW_TOKEN)},
        {"1003", "1003",
         MEANS(UNAUTHORIZED, "the refresh token belongs to another app", NEW_TOKENS)},
        {"1004", "1004", MEANS(UNAUTHORIZED, "the app does not exist", CHECK_APP)},
        {"1005", "1008", MEANS(UNAUTHORIZED, "the credential was refused", CHECK_CREDENTIAL)},
        {"1009", "1009", MEANS(UNAUTHORIZED, "the app's id or secret is wrong", CHECK_APP)},
        {"2201", "2201", MEANS(UNAUTHORIZED, "the app's id or secret is wrong", CHECK_APP)},
        {"2202", "2202", MEANS(UNAUTHORIZED, "the refresh token is not valid", NEW_TOKENS)},
        {"2203", "2203", MEANS(UNAUTHORIZED, "the token is not valid", NEW_TOKEN)},
        {"2204", "2213",
         MEANS(UNAUTHORIZED, "the authentication method was refused", CHECK_CREDENTIAL)},
};

/* The first row that fits counts, and the last fits always. */
static const struct {
        long first, last;
        struct koodrive_disposition disposition;
} http_statuses[] = {
        {200, 299,
         MEANS(TRANSIENT, "the answer contains no task",
               "check that Endpoint= is a KooDrive address")},
        {300, 399,
         MEANS(TRANSIENT, "a redirect, which is not followed", "set Endpoint= to the final host")},
        {401, 401, MEANS(UNAUTHORIZED, "the credential was refused", CHECK_CREDENTIAL)},
        {403, 403,
         MEANS(UNAUTHORIZED, "access was refused",
               "check the permissions of the account's user or app (UserId=, AppId=)")},
        {404, 404, MEANS(MISCONFIGURED, "the address does not exist", CHECK_ENDPOINT)},
        {407, 407,
         MEANS(MISCONFIGURED, "the proxy requires a user name and a password",
               "set them in Proxy=, or in https_proxy of the service")},
        {413, 414,
         MEANS(UNREACHABLE, "the request is too large for something in front of KooDrive",
               IN_FRONT)},
        {429, 429, MEANS(THROTTLED, TOO_MANY, LOWER_RATE)},
        {494, 494,
         MEANS(UNREACHABLE, "the request is too large for something in front of KooDrive",
               IN_FRONT)},
        {400, 499, MEANS(UNREACHABLE, "refused without a KooDrive code", IN_FRONT)},
        {500, 599, MEANS(UNREACHABLE, "the service is not available", ASK_SUPPORT)},
        {LONG_MIN, LONG_MAX,
         MEANS(TRANSIENT, "an unknown HTTP status", "check that Endpoint= is a KooDrive address")},
};

static const struct koodrive_disposition page = MEANS(
        UNREACHABLE, "a web page instead of a KooDrive answer",
        "check Endpoint= and Proxy=; a firewall or a login page may answer in front of KooDrive");
static const struct koodrive_disposition firewall =
        MEANS(UNREACHABLE, "blocked by the web application firewall in front of KooDrive",
              "have the address of this machine allowed there (CloudWAF), or use Proxy=");
static const struct koodrive_disposition foreign =
        MEANS(UNREACHABLE, "an answer that is not from KooDrive", IN_FRONT);

/* It looks like KooDrive's, whose page of statuses calls 400 "authentication not passed". */
static const struct koodrive_disposition not_passed =
        MEANS(UNREACHABLE, "refused without a KooDrive code",
              "renew the token (TokenFile=), or check AppId= and the app's secret",
              .may_be_account = KOODRIVE_MAYBE_CREDENTIAL);

/* APIG.0201 names no fault of its own, and its status tells which one. */
static const struct koodrive_disposition too_large =
        MEANS(RETRY_LIMITED, "the request is too large",
              "check KdsToken= of the task, or the token if other tasks are refused too",
              A_FEW_TRIES, .may_be_account = KOODRIVE_MAYBE_CREDENTIAL);
static const struct koodrive_disposition malformed =
        MEANS(RETRY_LIMITED, "the gateway calls the request malformed",
              "renew the token (TokenFile=) if other tasks are refused too", A_FEW_TRIES,
              .may_be_account = KOODRIVE_MAYBE_CREDENTIAL);

static const struct koodrive_disposition own_fault = MEANS(TRANSIENT, OWN_FAULT, ASK_SUPPORT);

/* What an expired share, kdstoken or token is answered with is not documented either. */
static const struct koodrive_disposition unlisted =
        MEANS(RETRY_LIMITED, "refused with an undocumented code",
              "renew the task's KdsToken=, or TokenFile= if other tasks are refused too",
              A_FEW_TRIES, .may_be_account = KOODRIVE_MAYBE_CREDENTIAL);

static const struct koodrive_disposition *find_service(const char *code) {
        for (size_t i = 0; i < ARRAY_LEN(service_codes); i++)
                if (streq(code, service_codes[i].code))
                        return &service_codes[i].disposition;
        return NULL;
}

static const struct koodrive_disposition *find_gateway(const char *digits) {
        for (size_t i = 0; i < ARRAY_LEN(gateway_codes); i++)
                if (strcmp(digits, gateway_codes[i].first) >= 0 &&
                    strcmp(digits, gateway_codes[i].last) <= 0)
                        return &gateway_codes[i].disposition;
        return NULL;
}

/* The four digits of a gateway's code, or NULL. */
static const char *gateway_digits(const char *code) {
        const char *digits = str_after(code, "APIG.");

        if (!digits)
                digits = str_after(code, "APIGW.");
        return digits && strlen(digits) == 4 && strspn(digits, "0123456789") == 4 ? digits : NULL;
}

static struct koodrive_disposition classify_status(long status) {
        size_t i = 0;

        while (status < http_statuses[i].first || status > http_statuses[i].last)
                i++;
        return http_statuses[i].disposition;
}

static struct koodrive_disposition classify_gateway(long status, const char *digits) {
        const struct koodrive_disposition *row = find_gateway(digits);
        struct koodrive_disposition disposition;

        if (row && row->text)
                disposition = *row;
        else if (row && (status == 413 || status == 414 || status == 494))
                disposition = too_large;
        else if (row && status == 400)
                disposition = malformed;
        else
                disposition = status >= 400 && status <= 599 ? classify_status(status) : foreign;
        disposition.listed = row != NULL;
        return disposition;
}

static struct koodrive_disposition classify_service(long status, const char *code) {
        const struct koodrive_disposition *row = find_service(code);
        struct koodrive_disposition disposition;

        if (row)
                disposition = *row;
        else if (status == 401 || status == 429)
                disposition = classify_status(status);
        else if (status >= 500 && status <= 599)
                disposition = own_fault;
        else /* 403 as well: one share must not stop an account */
                disposition = unlisted;
        disposition.listed = row != NULL;
        disposition.by_koodrive = disposition.overdue = true;
        return disposition;
}

static bool has_digits(const char *code, size_t n) {
        return strlen(code) == n && strspn(code, "0123456789") == n;
}

/* All codes that are documented are of this form. */
static bool is_service_code(const char *code) {
        return has_digits(code, 8) && str_after(code, "13");
}

/* The HTTP status that the code quotes, or 0. */
static long quoted_status(const char *code) {
        long status = has_digits(code, 3) ? strtol(code, NULL, 10) : 0;

        return status >= 100 && status <= 599 ? status : 0;
}

bool koodrive_code_is_own(const char *code) {
        return gateway_digits(code) || is_service_code(code);
}

bool koodrive_code_is_success(const char *code) {
        static const char *const words[] = {"", "0", "ok", "success", "succeeded", "none", "null"};
        long status = quoted_status(code);

        for (size_t i = 0; i < ARRAY_LEN(words); i++)
                if (strcasecmp(code, words[i]) == 0)
                        return true;
        return status >= 200 && status <= 299;
}

/* Neither KooDrive nor its gateway, as it seems. NULL: the status tells as much. */
static const struct koodrive_disposition *find_front(long status, const char *code,
                                                     enum koodrive_body body) {
        bool is_ok = status >= 200 && status <= 299;

        switch (body) {
        case KOODRIVE_BODY_FIREWALL:
        case KOODRIVE_BODY_PAGE:
                if (!is_ok && (status < 400 || status > 499 || status == 401 || status == 404 ||
                               status == 407 || status == 429))
                        return NULL;
                return body == KOODRIVE_BODY_PAGE ? &page : &firewall;
        case KOODRIVE_BODY_FOREIGN_JSON:
                return is_ok ? &foreign : NULL;
        default:
                return is_ok && !koodrive_code_is_success(code) ? &foreign : NULL;
        }
}

struct koodrive_disposition koodrive_classify(long status, const char *code,
                                              enum koodrive_body body) {
        const char *digits = gateway_digits(code);
        const struct koodrive_disposition *front;
        long quoted = quoted_status(code);

        if (digits)
                return classify_gateway(status, digits);
        if (is_service_code(code))
                return classify_service(status, code);
        if (quoted >= 300 && status != 401 && status != 429)
                status = quoted;
        if (status == 400 && body == KOODRIVE_BODY_JSON &&
            (quoted > 0 || koodrive_code_is_success(code)))
                return not_passed;
        if (quoted >= 300)
                return classify_status(status);
        front = find_front(status, code, body);
        return front ? *front : classify_status(status);
}

struct koodrive_disposition koodrive_classify_failure(enum http_outcome outcome) {
        switch (outcome) {
        case HTTP_MALFORMED:
                return (struct koodrive_disposition){.class = KOODRIVE_TRANSIENT,
                                                     .text = "the answer cannot be parsed"};
        case HTTP_UNTRUSTED:
                return (struct koodrive_disposition){
                        .class = KOODRIVE_MISCONFIGURED,
                        .text = "the server's certificate is not trusted",
                        .advice = "set CAFile= to trust the server's certificate",
                };
        case HTTP_UNTRUSTED_DATE:
                return (struct koodrive_disposition){
                        .class = KOODRIVE_MISCONFIGURED,
                        .text = "the server's certificate is not valid at this time",
                        .advice = "check the clock of this machine; if it is right, the server or "
                                  "the TLS proxy needs a new certificate",
                };
        case HTTP_UNTRUSTED_NAME:
                return (struct koodrive_disposition){
                        .class = KOODRIVE_MISCONFIGURED,
                        .text = "the server's certificate is for another host",
                        .advice = "check the host in Endpoint=",
                };
        case HTTP_CA_FILE_UNUSABLE:
                return (struct koodrive_disposition){
                        .class = KOODRIVE_MISCONFIGURED,
                        .text = "CAFile= cannot be read",
                        .advice = "set CAFile= to a PEM file that the daemon's user can read",
                };
        default:
                return (struct koodrive_disposition){.class = KOODRIVE_UNREACHABLE,
                                                     .text = "the answer is empty"};
        }
}

const char *koodrive_class_name(enum koodrive_class class) {
        static const char *const names[KOODRIVE_CLASSES] = {
                [KOODRIVE_TASK] = "task",
                [KOODRIVE_TRANSIENT] = "transient",
                [KOODRIVE_RETRY_LIMITED] = "doubtful",
                [KOODRIVE_REJECTED] = "rejected",
                [KOODRIVE_UNREACHABLE] = "unreachable",
                [KOODRIVE_MISCONFIGURED] = "misconfigured",
                [KOODRIVE_THROTTLED] = "throttled",
                [KOODRIVE_UNAUTHORIZED] = "unauthorized",
        };

        return names[class];
}

bool koodrive_class_is_of_account(enum koodrive_class class) {
        return class == KOODRIVE_UNREACHABLE || class == KOODRIVE_MISCONFIGURED ||
               class == KOODRIVE_THROTTLED || class == KOODRIVE_UNAUTHORIZED;
}
