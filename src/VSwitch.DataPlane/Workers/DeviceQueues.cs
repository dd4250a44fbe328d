using VSwitch.DataPlane.Devices;

namespace VSwitch.DataPlane.Workers;

/// <summary>The question: which device queues does a worker ask for frames in this round? Those without a descriptor always. One that
/// has a descriptor from when it is marked ready until a round finds it empty: with hundreds of quiet ports a round then costs one
/// look at the descriptors, not a system call a port. A queue starts as ready, so that what came before it was watched is seen.
/// Owner: the worker's thread.</summary>
public sealed class DeviceQueues
{
    private readonly int _worker;
    private readonly int _workers;
    private IPacketDevice?[] _devices = [];
    private PolledQueue[] _queues = [];
    private int[] _placeByHandle = [];
    private int[] _ready = [];
    private bool[] _isReady = [];

    /// <summary>Makes an empty list for a worker.</summary>
    /// <param name="worker">Its number: queue q of a device is worker (q mod <paramref name="workers"/>)'s.</param>
    /// <param name="workers">Workers of the switch.</param>
    public DeviceQueues(int worker, int workers)
    {
        _worker = worker;
        _workers = workers;
    }

    /// <summary>A queue, and the descriptor that tells of its frames, or -1.</summary>
    /// <param name="Device">The device.</param>
    /// <param name="Queue">Number of the queue on the device.</param>
    /// <param name="Port">Port of the device.</param>
    /// <param name="Handle">Descriptor, or -1.</param>
    public readonly record struct PolledQueue(IPacketDevice Device, int Queue, int Port, int Handle);

    /// <summary>Queues to ask in this round.</summary>
    public int ReadyCount { get; private set; }

    /// <summary>Queues that are asked in every round, because no descriptor tells of their frames.</summary>
    public int AlwaysReadyCount { get; private set; }

    /// <summary>Queues of the worker.</summary>
    public int Count => _queues.Length;

    /// <summary>A queue to ask in this round.</summary>
    public ref readonly PolledQueue Ready(int i) => ref _queues[_ready[i]];

    /// <summary>Takes the devices in force; does nothing when they are the same as before.</summary>
    /// <param name="devices">Devices by port; null where a port has none.</param>
    public void Use(IPacketDevice?[] devices)
    {
        if (!ReferenceEquals(devices, _devices))
        {
            // Read-only, since an array of one kind of device has no writable span of any kind.
            bool isSame = new ReadOnlySpan<IPacketDevice?>(devices).SequenceEqual(_devices);
            _devices = devices;
            if (!isSame)
            {
                Rebuild();
            }
        }
    }

    /// <summary>Frames wait on a descriptor's queue. One that belongs to no queue here is passed over: its device is about to come
    /// or to go.</summary>
    public void MarkReady(int handle)
    {
        int place = (uint)handle < (uint)_placeByHandle.Length ? _placeByHandle[handle] : -1;
        if (place >= 0 && !_isReady[place])
        {
            Add(place);
        }
    }

    /// <summary>Ends a round: queues that were found empty are asked again only when marked ready.</summary>
    /// <param name="isEmpty">By the number of <see cref="Ready"/>.</param>
    public void EndRound(ReadOnlySpan<bool> isEmpty)
    {
        int kept = 0;
        for (int i = 0; i < ReadyCount; i++)
        {
            int place = _ready[i];
            if (isEmpty[i] && _queues[place].Handle >= 0)
            {
                _isReady[place] = false;
            }
            else
            {
                _ready[kept++] = place;
            }
        }

        ReadyCount = kept;
    }

    private void Add(int place)
    {
        _isReady[place] = true;
        _ready[ReadyCount++] = place;
    }

    /// <summary>Allocates: it runs with the first round after ports came or went, not on a packet's way.</summary>
    private void Rebuild()
    {
        var queues = new List<PolledQueue>();
        for (int port = 0; port < _devices.Length; port++)
        {
            for (int queue = _worker; queue < (_devices[port]?.Capabilities.QueueCount ?? 0); queue += _workers)
            {
                queues.Add(new PolledQueue(_devices[port]!, queue, port, _devices[port]!.PollHandle(queue)));
            }
        }

        _queues = [.. queues];
        _ready = new int[_queues.Length];
        _isReady = new bool[_queues.Length];
        int highest = -1;
        AlwaysReadyCount = 0;
        foreach (PolledQueue queue in _queues)
        {
            highest = Math.Max(highest, queue.Handle);
            AlwaysReadyCount += queue.Handle < 0 ? 1 : 0;
        }

        _placeByHandle = new int[highest + 1];
        Array.Fill(_placeByHandle, -1);
        ReadyCount = 0;
        for (int place = 0; place < _queues.Length; place++)
        {
            if (_queues[place].Handle >= 0)
            {
                _placeByHandle[_queues[place].Handle] = place;
            }

            Add(place);
        }
    }
}
