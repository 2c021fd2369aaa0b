//! Readers, on trees of the shapes that these tools write.
