// What makes pages live. Without it they can be read as well.
