//! c2c-gateway
