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

/// <summary>The errands of one worker: anyone posts, the worker takes. Carried out one after another, in the order posted.</summary>
internal sealed class ErrandQueue
{
    private readonly Queue<IWorkerErrand> _taken = new();
    private Node? _posted;

    private sealed record Node(IWorkerErrand Errand, Node? Next);

    /// <summary>True when there is something to do. May be asked by anyone.</summary>
    public bool HasWork => Volatile.Read(ref _posted) != null || _taken.Count > 0;

    /// <summary>Hands an errand to the worker; any thread.</summary>
    public void Post(IWorkerErrand errand)
    {
        Node? head;
        do
        {
            head = Volatile.Read(ref _posted);
        }
        while (Interlocked.CompareExchange(ref _posted, new Node(errand, head), head) != head);
    }

    /// <summary>One step of the errand at hand; the worker only.</summary>
    public void Step(Worker worker)
    {
        if (Volatile.Read(ref _posted) != null)
        {
            Take();
        }

        if (_taken.TryPeek(out IWorkerErrand? errand) && errand.Step(worker))
        {
            _taken.Dequeue();
        }
    }

    /// <summary>Errands were put on a stack; the queue wants the oldest first.</summary>
    private void Take()
    {
        Node? reversed = null;
        for (Node? node = Interlocked.Exchange(ref _posted, null); node != null; node = node.Next)
        {
            reversed = new Node(node.Errand, reversed);
        }

        for (; reversed != null; reversed = reversed.Next)
        {
            _taken.Enqueue(reversed.Errand);
        }
    }
}
