//! Work whose end is in the hands of others: a file system that is slow, or silent. A thread of its own does it, and is
//! given up when it does not come back in time.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

/// Longest wait for one answer.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

/// Threads of one kind of work; those that were given up are among them until they come back. With that many nothing is
/// asked: an attacker may have any number of processes.
pub(crate) const MAX_THREADS: usize = 16;

/// One kind of work: its threads in the whole agent, and what they were too late for.
#[derive(Debug)]
pub(crate) struct Threads {
    name: &'static str,
    alive: AtomicUsize,
    late: AtomicU64,
}

impl Threads {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self {
            name,
            alive: AtomicUsize::new(0),
            late: AtomicU64::new(0),
        }
    }

    /// Answers that were late, or not asked for because too many had been, since the agent began.
    pub(crate) fn late(&self) -> u64 {
        self.late.load(Relaxed)
    }
}

/// A thread's place among [`MAX_THREADS`].
#[derive(Debug)]
struct Place(&'static Threads);

impl Place {
    fn take(threads: &'static Threads) -> Option<Self> {
        let more = |alive| (alive < MAX_THREADS).then_some(alive + 1);
        let taken = threads.alive.fetch_update(Relaxed, Relaxed, more);
        taken.ok().map(|_| Self(threads))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Relaxed);
    }
}

/// The thread that works. It ends when this is dropped.
#[derive(Debug)]
struct Helper<Q, A> {
    asked: Sender<Q>,
    told: Receiver<A>,
}

/// Has questions answered in a bounded time.
#[derive(Debug)]
pub(crate) struct Patient<Q, A> {
    threads: &'static Threads,
    answer: fn(Q) -> A,
    helper: Option<Helper<Q, A>>,
}

impl<Q: Send + 'static, A: Send + 'static> Patient<Q, A> {
    /// `answer` runs in a thread of `threads`.
    pub(crate) const fn new(threads: &'static Threads, answer: fn(Q) -> A) -> Self {
        Self {
            threads,
            answer,
            helper: None,
        }
    }

    /// The answer; `None`, and counted, when it is late. It is worked on until it is there all the same.
    pub(crate) fn ask(&mut self, question: Q) -> Option<A> {
        let answer = self.try_ask(question);
        if answer.is_none() {
            self.threads.late.fetch_add(1, Relaxed);
        }
        answer
    }

    fn try_ask(&mut self, question: Q) -> Option<A> {
        let helper = match self.helper.take() {
            Some(helper) => helper,
            None => self.start()?,
        };
        helper.asked.send(question).ok()?;
        let answer = helper.told.recv_timeout(PATIENCE).ok()?;
        // One that is late is given up: it ends when it has come back.
        self.helper = Some(helper);
        Some(answer)
    }

    fn start(&self) -> Option<Helper<Q, A>> {
        let place = Place::take(self.threads)?;
        let (asked, asks) = mpsc::channel();
        let (tells, told) = mpsc::channel();
        let answer = self.answer;
        let run = move || {
            let _place = place;
            // Nobody waits for a late one.
            asks.into_iter()
                .map(answer)
                .find_map(|it| tells.send(it).err());
        };
        std::thread::Builder::new()
            .name(self.threads.name.to_owned())
            .spawn(run)
            .inspect_err(|error| tracing::warn!(%error, "no thread {}", self.threads.name))
            .ok()?;
        Some(Helper { asked, told })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    /// Waits for the sender to say so, then counts.
    type Question = Receiver<u32>;

    fn wait(question: Question) -> Option<u32> {
        question.recv().ok()
    }

    fn ready(number: u32) -> Question {
        let (tell, question) = mpsc::channel();
        tell.send(number).expect("sent");
        question
    }

    #[test]
    fn who_does_not_answer_is_not_waited_for() {
        let threads: &Threads = Box::leak(Box::new(Threads::new("saker-test")));
        let mut patient = Patient::new(threads, wait);
        assert_eq!(patient.ask(ready(7)), Some(Some(7)));

        let start = Instant::now();
        let mut silent = Vec::new();
        for number in 1..=MAX_THREADS {
            let (tell, question) = mpsc::channel();
            silent.push(tell);
            assert_eq!(patient.ask(question), None, "{number}");
            let others = patient.ask(ready(8)).is_some();
            assert_eq!(others, number < MAX_THREADS, "after {number}");
        }
        assert!(start.elapsed() >= PATIENCE * MAX_THREADS as u32);
        assert_eq!(threads.late(), MAX_THREADS as u64 + 1);
        // The bound is that of all who ask together.
        let mut another = Patient::new(threads, wait);
        assert_eq!(another.ask(ready(9)), None);

        // One comes back: there is room for another.
        silent.pop();
        while threads.alive.load(Relaxed) == MAX_THREADS {
            std::thread::yield_now();
        }
        assert_eq!(another.ask(ready(9)), Some(Some(9)));
    }
}
