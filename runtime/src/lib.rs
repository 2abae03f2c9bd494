//! What every program does at its start and its end
