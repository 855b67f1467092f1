#include "common/event-id.h"

#include "common/util.h"

void event_id_make(char ret[EVENT_ID_LENGTH + 1]) {
        unsigned char bytes[EVENT_ID_LENGTH / 2];

        arc4random_buf(bytes, sizeof(bytes));
        hex_encode(bytes, sizeof(bytes), ret);
}
