#pragma once
/*
 * The hook runner's event beside koowatchd's: both have an event_parse(), and meson.build calls
 * the runner's hook_event_parse()
 */
#define event_parse hook_event_parse
#include "koowatch-hook/environment.h"
#include "koowatch-hook/event.h"
#undef event_parse
