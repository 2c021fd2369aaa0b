//! Agents: presets, and translators of what they print.
