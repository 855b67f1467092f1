#include "koowatchctl/nodes.h"

#include "common/json.h"
#include "koowatchctl/language.h"
#include "koowatchctl/nodes-screen.h"

int nodes_run(struct ctl *ctl, const struct options *options) {
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(json_object_putp) json_object *nodes = NULL;

        (void) options;
        if (client_nodes(ctl->client, &nodes, &failure) < 0)
                return ctl_fail(ctl, &failure);
        if (ctl->json != JSON_NONE)
                return ctl_json(ctl, ctl_object("nodes", STEAL_PTR(nodes)));
        nodes_screen_print(stdout, &ctl->look, nodes);
        return ctl_end();
}

int store_run(struct ctl *ctl, const struct options *options) {
        CLEANUP(failure_clear) struct failure failure = {};
        CLEANUP(json_object_putp) json_object *properties = NULL;
        json_object *store;

        if (!streq(options->arguments[0], "status"))
                return ctl_usage(ctl, _("store %s: expected store status"), options->arguments[0]);
        if (client_properties(ctl->client, &properties, &failure) < 0)
                return ctl_fail(ctl, &failure);
        store = json_get_object(properties, "Store");
        if (ctl->json != JSON_NONE)
                return ctl_json(ctl, ctl_object("store", store ? json_object_get(store)
                                                               : json_object_new_object()));
        store_screen_print(stdout, &ctl->look, store);
        return ctl_end();
}
