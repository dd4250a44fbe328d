namespace VSwitch.DataPlane.Limits;

/// <summary>The rate that the configuration wants of a token bucket.</summary>
/// <param name="Bucket">Index of the bucket.</param>
/// <param name="PerSecond">Bits a second, or packets a second where it is a bucket of packets; 0 = no limit.</param>
public readonly record struct BucketRate(int Bucket, long PerSecond);
