"""What the journal is told once the sink has written: where entities were seen, and how far partitions were read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from penstock.journal import Account, Journal, Progress, is_unicode
from penstock.sync.gathered import Gathered, Key, Page, Sightings
from penstock.sync.outcomes import DEFERRED, UNCERTAIN, keys_with
from penstock.values import EntityBatch, EntityKey, Outcome


class Record:
    """The journal of one kind's entities; never ahead of the sink."""

    def __init__(self, journal: Journal, run: int, redact: Callable[[str], str]) -> None:
        self._journal = journal
        self._run = run
        self._redact = redact
        self._spoilt: set[int] = set()
        """Partitions of which the sink has refused something, put it off, or not found what it is to be."""
        self._unsettled: set[int] = set()
        """Partitions that showed an entity whose outcome is deferred."""
        self._withheld: dict[int, Progress] = {}
        """How far these will have been read once it is settled."""
        self._nameless: set[int] = set()
        """Partitions that showed an entity of which it is not known what the catalog calls it: taken up after a kill,
        the run is to hear of it again, for until then ``unresolved`` keeps what may be that entity."""
        self.deferred = 0
        """How many entities have not been settled."""
        self.unresolved: set[str] = set()
        """Blueprints of entities of which it is not known what the catalog calls them."""
        self.unnamed = 0
        """How many entities the journal was not told of, for that."""

    def outdate(self, gathered: Gathered) -> None:
        """Forget known pages before anything of theirs is written anew; raises JournalError."""
        self._outdate(gathered.sightings, gathered.confirmed)

    def written(self, gathered: Gathered, batch: EntityBatch, outcomes: Sequence[Outcome]) -> None:
        """Record a batch that the sink has; raises JournalError."""
        sightings = gathered.sightings
        uncertain = keys_with(UNCERTAIN, batch, outcomes)
        self._spoilt |= {partition for (partition, _), keys in sightings.items() if uncertain & keys.keys()}
        unlike = uncertain | {(one.blueprint, one.identifier) for one in batch.entities if one.search is not None}
        gathered.known = {page: one for page, one in gathered.known.items() if not unlike & sightings[page].keys()}
        self._tell_refusals(gathered.account, batch, outcomes)
        seen = self._renamed(batch, outcomes, sightings)
        if seen is not sightings:
            self._outdate(seen, gathered.confirmed)  # by the names that were not known before
        progress = self._certain(gathered, batch, outcomes)
        self._journal.see(self._run, seen, progress, also=lambda: self._keep(gathered))

    def settle(self, account: Account, key: EntityKey, outcome: Outcome) -> None:
        """Hear what became of an entity that was deferred; recorded with the account."""
        self.deferred -= 1
        self._tell_refusal(account, key, outcome)

    def settled(self, gathered: Gathered) -> None:
        """Record how far partitions were read, for nothing is deferred any more; raises JournalError."""
        if self._withheld or gathered.account.refused or gathered.account.accepted:
            self._journal.see(self._run, {}, self._withheld, also=lambda: self._keep(gathered))
            self._withheld = {}

    def _outdate(self, sightings: Sightings, confirmed: set[Page]) -> None:
        if self._journal.knows_pages():
            written = {page: keys for page, keys in sightings.items() if page not in confirmed}
            with self._journal.transaction():
                self._journal.validators.outdate(written)

    def _tell_refusals(self, account: Account, batch: EntityBatch, outcomes: Sequence[Outcome]) -> None:
        if not self._journal.accounts.has_refusals(self._run) and all(one.kind != "refused" for one in outcomes):
            return
        for entity, outcome in zip(batch.entities, outcomes, strict=True):
            if outcome.kind != "deferred":
                self._tell_refusal(account, EntityKey(entity.blueprint, entity.identifier), outcome)

    def _tell_refusal(self, account: Account, key: EntityKey, outcome: Outcome) -> None:
        if not is_unicode(key.blueprint + key.identifier):
            return
        if outcome.kind == "refused":
            account.refused.append((key, self._redact(outcome.reason)))
        else:
            account.accepted.append(key)

    def _renamed(self, batch: EntityBatch, outcomes: Sequence[Outcome], sightings: Sightings) -> Sightings:
        """Return the sightings under the names that the catalog has for what a search query names."""
        names: dict[Key, str] = {
            (entity.blueprint, entity.identifier): outcome.identifier
            for entity, outcome in zip(batch.entities, outcomes, strict=True)
            if entity.search is not None
        }
        if not names:
            return sightings
        nameless = {key for key, name in names.items() if not name}
        self.unresolved.update(blueprint for blueprint, _ in nameless)
        for (partition, _), keys in sightings.items():
            if unseen := len(nameless & keys.keys()):
                self._nameless.add(partition)
                self.unnamed += unseen
        return {
            place: {key if key not in names else (key[0], names[key]): None for key in keys if names.get(key, "known")}
            for place, keys in sightings.items()
        }

    def _certain(self, gathered: Gathered, batch: EntityBatch, outcomes: Sequence[Outcome]) -> Mapping[int, Progress]:
        """Return how far was read of the partitions that are settled, and keep the rest back."""
        deferred = keys_with(DEFERRED, batch, outcomes)
        self.deferred += len(deferred)
        showed = {partition for (partition, _), keys in gathered.sightings.items() if not deferred.isdisjoint(keys)}
        self._unsettled |= showed
        if not self._unsettled and not self._nameless:
            return gathered.progress
        told = {partition: one for partition, one in gathered.progress.items() if partition not in self._nameless}
        self._withheld.update((partition, one) for partition, one in told.items() if partition in self._unsettled)
        return {partition: one for partition, one in told.items() if partition not in self._unsettled}

    def _keep(self, gathered: Gathered) -> None:
        """Record what goes beside sightings and progress, within their transaction."""
        self._journal.accounts.add(self._run, gathered.account)
        if gathered.stretches:
            stretches = {
                partition: stretch._replace(spoilt=stretch.spoilt or partition in self._spoilt)
                for partition, stretch in gathered.stretches.items()
            }
            self._journal.extents.keep(self._run, stretches)
            self._spoilt |= {partition for partition, one in stretches.items() if one.spoilt}
        if gathered.known:
            self._journal.validators.remember(self._run, gathered.known)
        if gathered.confirmed:
            self._journal.validators.confirm(self._run, gathered.confirmed)
        for partition, (mark, reached) in gathered.marks.items():
            if partition not in self._spoilt:
                self._journal.extents.advance(partition, mark, reached)
