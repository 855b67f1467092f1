#pragma once
/*
 * CLEANUP(json_object_putp): a reference to a JSON value that a local owns
 */
#include <json-c/json_object.h>

#include "common/util.h"

DEFINE_CLEANUP(json_object *, json_object_put)
