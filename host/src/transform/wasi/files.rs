//! `wasi:filesystem`: no folder is open, so nobody holds a descriptor, and no function of one can be called. They are
//! here because toolchains import them whole.

use wasmtime::component::Resource;

use super::Ended;
use super::wasi::filesystem::preopens;
use super::wasi::filesystem::types::{
    Advice, Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream,
    ErrorCode, Host, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use super::wasi::io::streams::{Error, InputStream, OutputStream};
use crate::transform::guest::Guest;

type Never<T> = wasmtime::Result<Result<T, ErrorCode>>;
type Open = Resource<Descriptor>;

impl preopens::Host for Guest {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Open, String)>> {
        self.wasi.count_call()?;
        Ok(Vec::new())
    }
}

fn not_available<T>(function: &'static str) -> wasmtime::Result<T> {
    Err(Ended::NotAvailable(function).into())
}

impl Host for Guest {
    fn filesystem_error_code(&mut self, _: Resource<Error>) -> wasmtime::Result<Option<ErrorCode>> {
        not_available("wasi:filesystem/types#filesystem-error-code")
    }
}

impl HostDirectoryEntryStream for Guest {
    fn read_directory_entry(&mut self, _: Resource<DirectoryEntryStream>) -> Never<Option<DirectoryEntry>> {
        not_available("wasi:filesystem/types#read-directory-entry")
    }

    fn drop(&mut self, _: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        Ok(())
    }
}

/// Functions of a descriptor: name, parameters behind the descriptor, result.
macro_rules! no_files {
    ($($function:ident($($parameter:ty),*) -> $result:ty;)*) => {
        impl HostDescriptor for Guest {
            $(
                fn $function(&mut self, _: Open $(, _: $parameter)*) -> Never<$result> {
                    not_available(concat!("wasi:filesystem/types#", stringify!($function)))
                }
            )*

            fn is_same_object(&mut self, _: Open, _: Open) -> wasmtime::Result<bool> {
                not_available("wasi:filesystem/types#is_same_object")
            }

            fn drop(&mut self, _: Open) -> wasmtime::Result<()> {
                Ok(())
            }
        }
    };
}

no_files! {
    read_via_stream(u64) -> Resource<InputStream>;
    write_via_stream(u64) -> Resource<OutputStream>;
    append_via_stream() -> Resource<OutputStream>;
    advise(u64, u64, Advice) -> ();
    sync_data() -> ();
    get_flags() -> DescriptorFlags;
    get_type() -> DescriptorType;
    set_size(u64) -> ();
    set_times(NewTimestamp, NewTimestamp) -> ();
    read(u64, u64) -> (Vec<u8>, bool);
    write(Vec<u8>, u64) -> u64;
    read_directory() -> Resource<DirectoryEntryStream>;
    sync() -> ();
    create_directory_at(String) -> ();
    stat() -> DescriptorStat;
    stat_at(PathFlags, String) -> DescriptorStat;
    set_times_at(PathFlags, String, NewTimestamp, NewTimestamp) -> ();
    link_at(PathFlags, String, Open, String) -> ();
    open_at(PathFlags, String, OpenFlags, DescriptorFlags) -> Open;
    readlink_at(String) -> String;
    remove_directory_at(String) -> ();
    rename_at(String, Open, String) -> ();
    symlink_at(String, String) -> ();
    unlink_file_at(String) -> ();
    metadata_hash() -> MetadataHashValue;
    metadata_hash_at(PathFlags, String) -> MetadataHashValue;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::limits::Quota;

    #[test]
    fn even_with_a_descriptor_nothing_could_be_opened() {
        let mut guest = Guest::within(Quota::STANDARD);
        assert!(preopens::Host::get_directories(&mut guest).unwrap().is_empty());
        let folder = Resource::new_own(3);
        let path = "/etc/passwd".to_owned();
        let opened = guest.open_at(folder, PathFlags::empty(), path, OpenFlags::empty(), DescriptorFlags::READ);
        assert_eq!(
            opened.unwrap_err().to_string(),
            "it called `wasi:filesystem/types#open_at`, which is not available here"
        );
    }
}
