using Xunit;

// Namespaces have one name each, and a count of allocations wants its thread for itself.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
