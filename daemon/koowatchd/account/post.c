#include "koowatchd/account/post.h"

#include "common/config.h"
#include "koowatchd/koodrive/request.h"

int account_post(struct http *http, const struct account_config *settings,
                 const struct koodrive_request *request, http_done_fn on_done, void *userdata,
                 struct http_transfer **ret) {
        return http_post(http,
                         &(struct http_request){
                                 .url = request->url,
                                 .headers = (const char *const *) request->headers,
                                 .body = request->body,
                                 .body_length = strlen(request->body),
                                 .ca_file = settings->ca_file,
                                 .proxy = settings->proxy,
                         },
                         on_done, userdata, ret);
}
