namespace VSwitch.DataPlane.Limits;

/// <summary>The rate that the configuration wants of a token bucket.</summary>
/// <param name="Bucket">Index of the bucket.</param>
/// <param name="BitsPerSecond">Rate; 0 = no limit.</param>
public readonly record struct BucketRate(int Bucket, long BitsPerSecond);
