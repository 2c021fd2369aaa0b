//! The configuration while the engine runs: taken up when it changes, as a whole or not at all; and the repositories,
//! which come and go without anybody's order.

use convoy_api::{Failure, Query};

use super::{Dispatcher, Patrol};
use crate::inbox::RigSeen;
use crate::mirror::Mirror;
use crate::rig;
use crate::settings::Loaded;
use crate::snapshots::Snapshots;
use crate::world;

impl Dispatcher {
    /// Says something in the engine's log. The engine of one command has none: what it prints is the command's.
    pub(super) fn say(&self, text: &str) {
        if self.executor.is_some() {
            world::note(text);
        }
    }

    /// Takes the configuration up as it stands now.
    pub(super) fn reload(&mut self) -> Result<(), Failure> {
        let loaded = self.source.load();
        let said = loaded.as_ref().err().map(|failure| failure.message.clone());
        // Each save of a broken file is seen, and said once.
        if said != self.refused {
            match &said {
                Some(why) => {
                    self.say(&format!("the configuration is not accepted, the earlier one holds: {why}"));
                }
                None => self.say("the configuration is accepted again"),
            }
        }
        self.refused = said;
        let Loaded { settings, mut policy, idle_exit, patrol, mirror, snapshots } = loaded?;
        for (name, rig) in &mut policy.rigs {
            let before = self.policy.rigs.get(name).filter(|before| before.path == rig.path);
            // A look at the folder does not see all that git did; whoever watches it says when it is back.
            rig.trouble = rig.trouble.take().or_else(|| before.and_then(|before| before.trouble.clone()));
        }
        if self.policy != policy {
            self.say("the configuration has changed");
        }
        (self.policy, self.idle_exit) = (policy, idle_exit);
        if self.patrol.as_ref().map(|patrol| patrol.every) != patrol {
            self.patrol = patrol.map(Patrol::new);
        }
        if self.mirror.as_ref().map(Mirror::file) != mirror.as_deref() {
            let stamp = self.source.workspace.mirror_stamp();
            self.mirror = mirror.map(|file| Mirror::new(file, stamp, self.state.seq, true));
        }
        if self.snapshots.is_some() != snapshots {
            let (log, seq) = (self.log.as_ref(), self.state.seq);
            let (stamp, env) = (self.source.workspace.snapshots_stamp(), &self.source.env);
            self.snapshots = snapshots.then(|| Snapshots::new(stamp, env, log, seq, true));
        }
        if let Some(executor) = &self.executor {
            executor.adopt(settings);
        }
        self.watch_rigs();
        Ok(())
    }

    /// What was seen of a rig's repository.
    pub(super) fn rig_seen(&mut self, seen: RigSeen) {
        let RigSeen { rig: name, path, trouble, effect } = seen;
        if let Some(effect) = effect {
            // It is planned again when the repository is back.
            self.under_way.remove(&effect);
        } else {
            self.watched.remove(&(name.clone(), path.display().to_string()));
        }
        let Some(rig) = self.policy.rigs.get_mut(&name).filter(|rig| path.display().to_string() == rig.path)
        else {
            return;
        };
        let before = std::mem::replace(&mut rig.trouble, trouble.clone());
        match (&before, &trouble) {
            (None, Some(why)) => self.say(&format!("rig {name} cannot be used: {why}")),
            (Some(_), None) => self.say(&format!("rig {name} can be used again")),
            _ => {}
        }
        self.watch_rigs();
    }

    /// Before somebody is told how rigs are, their folders are looked at: nothing else says that one has gone.
    pub(super) fn look_at_rigs(&mut self, query: &Query) {
        let asked = matches!(
            query,
            Query::Rigs
                | Query::Rig { .. }
                | Query::Why { .. }
                | Query::Stranded
                | Query::Standing { .. }
                | Query::Rest
        );
        if !asked {
            return;
        }
        let mut gone = Vec::new();
        for (name, rig) in self.policy.rigs.iter_mut().filter(|(_, rig)| rig.trouble.is_none()) {
            rig.trouble = rig::look(rig.path.as_ref());
            gone.extend(rig.trouble.as_ref().map(|why| format!("rig {name} cannot be used: {why}")));
        }
        if !gone.is_empty() {
            gone.iter().for_each(|text| self.say(text));
            self.watch_rigs();
            self.replan();
            self.start_effects();
        }
    }

    /// Has somebody look out for every repository that is away.
    pub(super) fn watch_rigs(&mut self) {
        let Some(executor) = &self.executor else { return };
        for (name, rig) in self.policy.rigs.iter().filter(|(_, rig)| rig.trouble.is_some()) {
            let which = (name.clone(), rig.path.clone());
            if !self.watched.contains(&which) && executor.watch_rig(name) {
                self.watched.insert(which);
            }
        }
    }
}
