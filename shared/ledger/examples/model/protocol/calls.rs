use super::State;
use super::budget::Fault;

/// Takes what may come next: how it is told, and the state after it.
pub(super) type Emit<'a> = dyn FnMut(&dyn Fn() -> String, State) + 'a;

/// The result of a call for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply<R> {
    Is(R),
    /// It failed, or its reply was lost: the caller cannot tell.
    Failed,
}

/// A call that a process makes next.
pub(super) struct Call<'a, R> {
    /// The caller and the call: `ingest A`, `records the event`.
    pub(super) who: &'a str,
    pub(super) what: &'a str,
    /// The call's effect on the world, and its response.
    pub(super) effect: &'a dyn Fn(&mut State) -> R,
    /// The process's reaction to the reply, which returns a text that describes it.
    pub(super) then: &'a dyn Fn(&mut State, Reply<R>) -> &'static str,
    /// The state of the process after it died.
    pub(super) dies: &'a dyn Fn(&mut State),
}

impl<R: Copy> Call<'_, R> {
    /// The call, made in every way that is left.
    pub(super) fn emit(&self, before: &State, emit: &mut Emit<'_>) {
        let Call { who, what, .. } = self;
        let mut after = *before;
        let reply = (self.effect)(&mut after);
        let told = (self.then)(&mut after, Reply::Is(reply));
        emit(&|| format!("{who} {what}{told}"), after);
        if let Some(left) = before.left.take(Fault::Failure) {
            let mut failed = State { left, ..*before };
            let told = (self.then)(&mut failed, Reply::Failed);
            emit(&|| format!("{who} {what}: the call fails{told}"), failed);
            let mut lost = State { left, ..*before };
            (self.effect)(&mut lost);
            let told = (self.then)(&mut lost, Reply::Failed);
            emit(&|| format!("{who} {what}; the reply is lost{told}"), lost);
        }
        if let Some(left) = before.left.take(Fault::Crash) {
            let mut dead = State { left, ..*before };
            (self.dies)(&mut dead);
            emit(&|| format!("{who} dies before it {what}"), dead);
            let mut dead = State { left, ..*before };
            (self.effect)(&mut dead);
            (self.dies)(&mut dead);
            emit(&|| format!("{who} {what}, and dies"), dead);
        }
    }
}
