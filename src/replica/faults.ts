/**
 * Mistakes that are easy to make in the protocol, one switch each: the simulation must catch every
 * one of them. No product code sets any.
 */
export interface Faults {
  /** P2: a lease that looks expired is taken for dead without being killed. */
  readonly lookInsteadOfKill?: boolean;
  /** P6: `applied` becomes the head of whatever load arrives. */
  readonly loadSetsApplied?: boolean;
  /** B1: validity counts from the receipt of a renewal. */
  readonly validFromReceipt?: boolean;
  /** B2: a head that was announced is acknowledged before it is applied. */
  readonly acknowledgeAnnounced?: boolean;
  /** B3: leases are killed before their serving term is over. */
  readonly killEarly?: boolean;
  /** B4: a load moves `applied` and leaves the other pages as they are. */
  readonly loadSkipsChanges?: boolean;
  /** B5: a page that was read before `applied` is installed as it is. */
  readonly installOldLoads?: boolean;
  /** B6: serves as soon as it is registered. */
  readonly noCatchUp?: boolean;
  /** B7: a poll that was sent before the registration counts as the catch-up. */
  readonly pollBeforeRegistration?: boolean;
  /** B8: a flag that timers keep, in place of a test of the lease at each request. */
  readonly staleLeaseTest?: boolean;
  /** B9: a registration without an answer is repeated with the same id. */
  readonly repeatRegistration?: boolean;
  /** B12: history that is no longer kept is not noticed. */
  readonly ignoreHorizon?: boolean;
  /** B17: the timeline is not looked at. */
  readonly ignoreTimeline?: boolean;
  /** A node takes over what was committed though it has not applied all that came before. */
  readonly learnAcrossGap?: boolean;
  /** A node takes over what was committed on another timeline. */
  readonly learnAcrossTimelines?: boolean;
  /** An acknowledgement of an earlier revision counts for a later one. */
  readonly believeEarlyAcknowledgements?: boolean;
  /** A writer does not wait for its own node, whatever that has applied. */
  readonly forgetOwnLease?: boolean;
}
