//! One small process per running agent.
