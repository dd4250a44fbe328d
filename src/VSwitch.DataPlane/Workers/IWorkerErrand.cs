namespace VSwitch.DataPlane.Workers;

/// <summary>Work that a worker does for others, between two bursts, on what only it may touch: it looks through its connections,
/// copies them out, clears some. Done in steps, so that packets never wait long for it.</summary>
public interface IWorkerErrand
{
    /// <summary>Does one step, on the worker's thread, once a round. It must not wait, throw or take longer than some tens of
    /// connections take.</summary>
    /// <param name="worker">The worker.</param>
    /// <returns>True when the errand is done; the worker then forgets it.</returns>
    bool Step(Worker worker);
}

/// <summary>The errands of one worker: anyone posts, the worker takes. Carried out one after another, in the order posted. Only
/// who posts allocates.</summary>
internal sealed class ErrandQueue
{
    private Node? _posted;
    private Node? _first;
    private Node? _last;

    private sealed class Node(IWorkerErrand errand)
    {
        public readonly IWorkerErrand Errand = errand;
        public Node? Next;
    }

    /// <summary>True when there is something to do. May be asked by anyone.</summary>
    public bool HasWork => Volatile.Read(ref _posted) != null || Volatile.Read(ref _first) != null;

    /// <summary>Hands an errand to the worker; any thread.</summary>
    public void Post(IWorkerErrand errand)
    {
        var node = new Node(errand);
        // Once posted the node is the worker's, which may turn it round at once: what was the newest is kept here.
        Node? newest;
        do
        {
            newest = Volatile.Read(ref _posted);
            node.Next = newest;
        }
        while (Interlocked.CompareExchange(ref _posted, node, newest) != newest);
    }

    /// <summary>One step of the errand at hand; the worker only.</summary>
    public void Step(Worker worker)
    {
        if (Volatile.Read(ref _posted) != null)
        {
            Take();
        }

        if (_first is Node node && node.Errand.Step(worker))
        {
            _first = node.Next;
        }
    }

    /// <summary>Errands were put on a stack; the queue wants the oldest first.</summary>
    private void Take()
    {
        Node? newest = Interlocked.Exchange(ref _posted, null);
        Node? oldest = null;
        for (Node? node = newest; node != null;)
        {
            Node? older = node.Next;
            node.Next = oldest;
            oldest = node;
            node = older;
        }

        if (_first == null)
        {
            _first = oldest;
        }
        else
        {
            _last!.Next = oldest;
        }

        _last = newest;
    }
}
