using Xunit;

// Each test has the machine to itself: its traffic is judged by what comes back in time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
