//! HTTP: the interface for programs, the pages for people, and streams of both; all of them translations of the one
//! `Service`. Everything async is in here: one thread with its runtime, which sleeps when nobody looks.

mod api;
mod assets;
mod error;
mod give;
mod guard;
mod leaving;
mod pages;
mod patient;
pub(crate) mod secret;
mod server;
mod site;
mod stream;
mod take;
mod tasks;

pub(crate) use assets::address as assets_address;
pub(crate) use error::Error;
pub(crate) use guard::Visitor;
pub(crate) use server::{engine_name, face};
pub(crate) use site::Site;
pub(crate) use tasks::blocking;
