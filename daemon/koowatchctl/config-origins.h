#pragma once
/*
 * Config origins: every key that holds, with its value as it is written and where that is
 *
 * Reads the files once more, after config_read() has found nothing wrong with them.
 */
#include <json-c/json.h>

#include "common/config.h"

/*
 * An array of {"section", "account", "key", "value", "origin"}; account for [Account NAME] alone;
 * origin "FILE:LINE", "environment" or "default"; no value where nothing is set. A password in a
 * proxy's address is left out. The caller owns it; NULL when memory is short.
 */
json_object *config_origins(const struct config *config);
