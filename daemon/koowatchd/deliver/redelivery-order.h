#pragma once
/*
 * What redelivery.c has to do with the life of a delivery, for delivery.c
 */
struct deliveries;
struct delivery;

/* A write of the delivery has ended well. */
void redelivery_written(struct delivery *delivery);
/* Forgets all that was asked for, without a call. */
void redeliveries_clear(struct deliveries *deliveries);
