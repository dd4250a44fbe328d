using VSwitch.ControlPlane.State;
using VSwitch.Devices.Linux;

namespace VSwitch.Live;

/// <summary>A state store's folder on a real disk. Every file is opened, written, flushed and closed in one call, so that an error of
/// fsync is told to the one whose bytes it is about.</summary>
internal sealed class StateFolder(string folder) : IStateFiles
{
    private const string LockName = "lock";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OwnerOnlyFolder = OwnerOnly | UnixFileMode.UserExecute;
    private const int WouldBlock = 11;
    private readonly string _path = Path.GetFullPath(folder);
    private FileStream? _lock;
    private ulong? _device;

    /// <inheritdoc/>
    public string Folder => folder;

    /// <inheritdoc/>
    public bool IsClaimed => _lock != null && DurableFile.Identify(_lock.SafeFileHandle) is FileIdentity own && DurableFile.Identify(PathOf(LockName)) == own;

    /// <inheritdoc/>
    public IEnumerable<string> Names => Directory.Exists(_path) ? Directory.EnumerateFiles(_path).Select(f => Path.GetFileName(f)) : [];

    /// <inheritdoc/>
    public void Claim()
    {
        if (!Directory.Exists(_path))
        {
            if (_device != null)
            {
                throw new DirectoryNotFoundException($"'{_path}' is gone; put it back, or make an empty one, which is filled again");
            }

            Directory.CreateDirectory(_path, OwnerOnlyFolder);
            DurableFile.FlushFolder(Path.GetDirectoryName(_path) ?? _path);
        }

        FileStream held = Lock();
        ulong? device = DurableFile.Identify(held.SafeFileHandle)?.Device;
        if (_device != null && device != _device)
        {
            held.Dispose();
            throw new IOException($"another file system is mounted at '{_path}' than the one that the switch was started with");
        }

        _lock?.Dispose();
        (_lock, _device) = (held, device);
    }

    /// <inheritdoc/>
    public byte[]? Read(string name)
    {
        try
        {
            return File.ReadAllBytes(PathOf(name));
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public void Write(string name, ReadOnlySpan<byte> content)
    {
        string path = PathOf(name);
        using FileStream file = Open(path, FileMode.Create, FileShare.ReadWrite);
        RandomAccess.Write(file.SafeFileHandle, content, 0);
        DurableFile.Flush(file.SafeFileHandle, path);
    }

    /// <inheritdoc/>
    public void Append(string name, ReadOnlySpan<byte> content)
    {
        string path = PathOf(name);
        using FileStream file = Open(path, FileMode.Open, FileShare.ReadWrite);
        RandomAccess.Write(file.SafeFileHandle, content, file.Length);
        DurableFile.Flush(file.SafeFileHandle, path);
    }

    /// <inheritdoc/>
    public void Rename(string from, string to) => File.Move(PathOf(from), PathOf(to), overwrite: true);

    /// <inheritdoc/>
    public void Delete(string name)
    {
        try
        {
            File.Delete(PathOf(name));
        }
        catch (DirectoryNotFoundException)
        {
            // Gone with its folder.
        }
    }

    /// <inheritdoc/>
    public void FlushFolder() => DurableFile.FlushFolder(_path);

    /// <inheritdoc/>
    public void Dispose() => _lock?.Dispose();

    private static FileStream Open(string path, FileMode mode, FileShare share)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = share, BufferSize = 0 };
        if (mode != FileMode.Open)
        {
            options.UnixCreateMode = OwnerOnly;
        }

        return new FileStream(path, options);
    }

    /// <summary>The lock (flock, by <see cref="FileShare.None"/>) ends with the process, however that ends.</summary>
    private FileStream Lock()
    {
        string path = PathOf(LockName);
        try
        {
            return Unshared(() => Open(path, FileMode.OpenOrCreate, FileShare.None));
        }
        catch (Exception e) when ((e is IOException or UnauthorizedAccessException) && File.Exists(path))
        {
            // Who may not write still wants to know whether another one does.
            Unshared(() => new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.None)).Dispose();
            throw;
        }
    }

    private FileStream Unshared(Func<FileStream> open)
    {
        try
        {
            return open();
        }
        catch (IOException e) when (e.HResult == WouldBlock)
        {
            throw InUse(e);
        }
    }

    private StateException InUse(IOException cause) =>
        new($"state folder {Folder} is in use by another vswitch run: give each its own, or end that one", cause);

    private string PathOf(string name) => Path.Combine(_path, name);
}
