namespace VSwitch.Bench;

/// <summary>A figure cannot be trusted: packets were lost, or what came out is not what had to.</summary>
internal sealed class BenchException(string message) : Exception(message);
