/** What these switches break is the database's or the store's part of the protocol, or an assumption. */
export interface DatabaseFaults {
  /** P1: the statement that registers a node with a tenant also reads the head that it catches up to. */
  readonly joinInOneStatement?: boolean;
  /** P3: a lease ends by the database's clock, which a failover sets forward. */
  readonly termsByDatabaseClock?: boolean;
  /** P4: the same, and a coordinator that notices a failover waits for a term before it goes on. */
  readonly waitAfterFailOver?: boolean;
  /** P5: a lease is keyed by the name of its node. */
  readonly leasesByName?: boolean;
  /** B10: registrations are answered before they are durable. */
  readonly forgetRegistrations?: boolean;
  /** B11: renewals are answered before they are durable. */
  readonly forgetRenewals?: boolean;
  /** B13: a replica that lags answers the catch-up. */
  readonly pollOnReplica?: boolean;
  /** B14: a replica that lags answers the scans of the barrier. */
  readonly scanOnReplica?: boolean;
  /** B15: clocks stand still for longer than the terms leave room for. */
  readonly freezeForLong?: boolean;
  /** B16: a node that is not sure of its registration with a tenant deletes the row first. */
  readonly deleteSubscriptions?: boolean;
  /** B18: a renewal does not look at the timeline of its lease. */
  readonly renewAcrossTimelines?: boolean;
  /** A subscription that finds its row commits nothing, and so waits for no standby. */
  readonly repeatCommitsNothing?: boolean;
  /** W3: a wait for the standby that was cancelled is taken for a success, as it is reported. */
  readonly believeCancelledWaits?: boolean;
  /** A write is told of with its changes before it is committed. */
  readonly tellUncommitted?: boolean;
  /** B19: the killer's DELETE does not name the counter. */
  readonly killIgnoresCounter?: boolean;
  /** P7: a delete that finds nothing allots no revision, and is answered at once. */
  readonly noRevisionForNothing?: boolean;
}
