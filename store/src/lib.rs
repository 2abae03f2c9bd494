//! Everything the office holds in Redis
