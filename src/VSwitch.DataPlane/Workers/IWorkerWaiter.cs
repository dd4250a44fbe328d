namespace VSwitch.DataPlane.Workers;

/// <summary>How an idle worker sleeps: until one of its devices has frames, another worker wakes it, or time is up. Only the worker's
/// own thread waits.</summary>
public interface IWorkerWaiter : IDisposable
{
    /// <summary>Sleeps until something is there, and says which of the watched descriptors have frames. A descriptor is named
    /// again and again for as long as frames wait on it (level-triggered), so none is ever forgotten.</summary>
    /// <param name="timeoutMs">Milliseconds to sleep at most; 0 only looks.</param>
    /// <param name="ready">Room for descriptors; what has no room is named by the next call.</param>
    /// <returns>How many descriptors were written: 0 when time was up or another worker woke this one.</returns>
    int Wait(int timeoutMs, Span<int> ready);

    /// <summary>Ends a sleep; from any thread.</summary>
    void Wake();
}
