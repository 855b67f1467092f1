#pragma once
/*
 * Event ids: how an outcome is named, in the store, the journal, and to hooks
 */

#define EVENT_ID_LENGTH 32 /* lower-case hexadecimal */

/* Writes a new random one, EVENT_ID_LENGTH characters and a NUL. */
void event_id_make(char ret[EVENT_ID_LENGTH + 1]);
