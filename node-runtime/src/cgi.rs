//! The CGI protocol as WAGI speaks it, pure.
