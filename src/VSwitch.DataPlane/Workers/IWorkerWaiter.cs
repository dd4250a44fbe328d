namespace VSwitch.DataPlane.Workers;

/// <summary>How an idle worker sleeps: until one of its devices has frames, another worker wakes it, or time is up.</summary>
public interface IWorkerWaiter : IDisposable
{
    /// <summary>Sleeps for at most <paramref name="timeoutMs"/> milliseconds.</summary>
    void Wait(int timeoutMs);

    /// <summary>Ends a sleep; from any thread.</summary>
    void Wake();
}
