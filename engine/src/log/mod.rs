//! The event log: batches of bytes in one durable order.
