namespace VSwitch.Api;

/// <summary>An instance with its ENIs.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Vcpus">Its vCPUs.</param>
/// <param name="Vpc">The VPC that all its ENIs are in; left out while it has none.</param>
/// <param name="PrimaryEni">Its primary ENI; left out while it has none.</param>
/// <param name="SecondaryEnis">Its secondary ENIs.</param>
/// <param name="MostEnis">ENIs that it can have, the primary one included.</param>
/// <param name="MostQueues">Queues that each of them can have.</param>
internal sealed record InstanceDocument(
    string Name, int Vcpus, string? Vpc, string? PrimaryEni, IReadOnlyList<string> SecondaryEnis, int MostEnis, int MostQueues);

/// <summary>All instances.</summary>
internal sealed record InstancesDocument(IReadOnlyList<InstanceDocument> Instances);

/// <summary>One queue of a port's device.</summary>
/// <param name="Port">The port.</param>
/// <param name="Queue">Its number, from 0.</param>
/// <param name="Active">Whether frames are sent on it.</param>
/// <param name="Worker">The worker that polls it.</param>
/// <param name="Received">Frames that came in by it; a super-packet is one.</param>
/// <param name="ReceivedBytes">Bytes of them.</param>
/// <param name="Sent">Frames that were sent on it.</param>
/// <param name="SentBytes">Bytes of them.</param>
/// <param name="RssEntries">Entries of the ENI's indirection table that name it; left out where the ENI has no RSS of its own.</param>
internal sealed record QueueDocument(
    string Port, int Queue, bool Active, int Worker, long Received, long ReceivedBytes, long Sent, long SentBytes, int? RssEntries);

/// <summary>All queues.</summary>
internal sealed record QueuesDocument(IReadOnlyList<QueueDocument> Queues);

/// <summary>How frames for an ENI's guest are spread over its queues.</summary>
/// <param name="Mode">worker: each worker sends on a queue of its own; rss: by key and table.</param>
/// <param name="Queues">Queues in use.</param>
/// <param name="Key">symmetric, microsoft, or 40 bytes as hexadecimal; left out in the mode worker.</param>
/// <param name="Indirection">By the low 7 bits of the hash, the queue; left out in the mode worker.</param>
internal sealed record RssDocument(string Mode, int Queues, string? Key, IReadOnlyList<int>? Indirection);
