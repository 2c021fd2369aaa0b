//! What scripts and people are shown: the published shapes, computed from the state.
//!
//! Every object has a stable set of keys; absent is null, arrays are never null.

mod convoy;
mod delivery;
mod issue;
mod notice;
mod session;
mod stranded;
mod worker;

pub use convoy::{ConvoyView, HealthView, TrackedView, convoy};
pub use delivery::{DeliveryStatus, DeliveryView, delivery};
pub use issue::{DependencyView, IssueView, issue};
pub use notice::{NoticeView, notice};
pub use session::{ExitView, SessionView, session};
pub use stranded::{Category, StrandedView, stranded};
pub use worker::{LessonView, WorkerView, full_name, worker};
