//! A visit to the pages of a workspace.

use convoy_testkit::browser::Browser;
use convoy_testkit::env::TestEnv;

/// A browser that is let in, and where it is.
pub(crate) struct Visit {
    pub(crate) browser: Browser,
    /// The address of the pages, without a slash at its end.
    pub(crate) site: String,
}

impl Visit {
    /// Lets a browser into the workspace's pages by a link; nothing if there is no browser.
    pub(crate) fn new(env: &TestEnv) -> Option<Self> {
        let mut visit = Self { browser: Browser::start(env)?, site: String::new() };
        visit.enter(env);
        Some(visit)
    }

    /// By another link, as somebody whom the pages do not know yet.
    #[track_caller]
    pub(crate) fn enter(&mut self, env: &TestEnv) {
        let link = env.convoy(["dashboard", "--print"]).ok().stdout.trim().to_owned();
        self.site = link.split_once("/login").expect("a link to come in").0.to_owned();
        assert_eq!(self.browser.open(&link), 200);
        // It leads on to the overview by itself.
        self.browser.see("nav [aria-current=page]", "Overview");
    }

    /// Goes to a page, which has to be there.
    #[track_caller]
    pub(crate) fn page(&mut self, path: &str) {
        let url = format!("{}{path}", self.site);
        assert_eq!(self.browser.open(&url), 200, "{path}");
    }

    /// Nothing went wrong in the browser, nobody is kept out, and nothing hangs over the edge of the window.
    #[track_caller]
    pub(crate) fn is_fine(&mut self, what: &str) {
        assert_eq!(self.browser.errors(), Vec::<String>::new(), "{what}");
        assert_eq!(self.browser.faults(), Vec::<String>::new(), "{what}");
        assert_eq!(self.browser.overflow(), 0, "{what}: wider than its window");
    }
}
